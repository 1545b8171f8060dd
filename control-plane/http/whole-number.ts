// A count or a sum in an answer. No `z.int()`, which ends at 2^53: beyond that it is the nearest of JSON's numbers, which
// every client reads.
import { z } from "zod";

export const ROUNDED = "Above 2^53 the last digits are rounded.";

export const wholeNumber = z.number().min(0).meta({ type: "integer" });
