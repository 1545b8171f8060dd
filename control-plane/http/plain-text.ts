// Text that people write on one line, such as a name: what every database, log and screen can show.
import { z } from "zod";

// Control characters and line ends; halves of a pair, which are no text at all; what turns the direction of its neighbours.
const ONE_LINE = /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]*$/u;

/** Blanks at its ends do not count. */
export function lineOfText(lengthMax: number) {
  return z
    .string()
    .trim()
    .min(1, { error: "must not be empty." })
    .max(lengthMax, { error: `must have at most ${lengthMax} characters.` })
    .regex(ONE_LINE, { error: "must be one line of text, without control characters." });
}
