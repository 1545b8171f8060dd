// PEM as people paste it (RFC 7468): blocks between lines, whatever text stands around them. No input or output.

export interface PemBlock {
  /** What stands behind BEGIN, such as CERTIFICATE. */
  readonly label: string;
  /** The whole block. */
  readonly text: string;
}

const LINE = /^-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----$/;

/** Line by line, so that no text takes long; a block without its end is none. */
export function pemBlocks(text: string): readonly PemBlock[] {
  const blocks: PemBlock[] = [];
  let open: { label: string; lines: string[] } | undefined;
  for (const line of text.split(/\r\n?|\n/)) {
    const trimmed = line.trim();
    const [, side, label] = LINE.exec(trimmed) ?? [];
    if (side === "BEGIN" && label !== undefined) open = { label, lines: [trimmed] };
    else if (open !== undefined) {
      open.lines.push(trimmed);
      if (side === "END" && label === open.label) {
        blocks.push({ label, text: `${open.lines.join("\n")}\n` });
        open = undefined;
      }
    }
  }
  return blocks;
}

/** Why there is no block in it. */
export function notPem(text: string, label: string): string {
  if (text.includes("\\n") && text.includes("-----BEGIN"))
    return `has its line ends written out as \\n: send real ones (in JSON, one backslash before the n).`;
  if (text.includes("-----BEGIN")) return `is cut off: it must end with a line -----END ${label}-----.`;
  return `must be PEM: lines from -----BEGIN ${label}----- to -----END ${label}-----.`;
}
