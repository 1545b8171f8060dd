// Texts that somebody would write who wants to leave the place that texts have: in nginx's files, in HTTP, in Lua, in JSON.

const PIECES = [
  ...[
    '"',
    "'",
    "\\",
    "$",
    "\u0024{",
    "}",
    "{",
    ";",
    "#",
    "\n",
    "\r\n",
    "\t",
    " ",
    "`",
    "%",
    "~",
    "*",
    "^",
    "(",
    ")",
    "@",
    "=",
  ],
  ...[
    "$host",
    "\u0024{host}",
    "$1",
    "\u0024{literal_dollar}",
    "\\n",
    "\\$",
    '\\"',
    "; return 500",
    "} location / {",
    "include /etc/passwd;",
  ],
  ...[
    "\r\nX-Injected: 1\r\n",
    "\nX-Injected: 1",
    "\rX-Injected: 1",
    "\r\n\r\nHTTP/1.1 200 OK\r\nX-Injected: 1\r\n\r\n",
  ],
  ...["\0", ":", ",", "//", "/../", "%0d%0a", "%00", "http://evil.test/", "*", ":splat", "[", "?", "&"],
  ...["a", "é", "漢", "\u007f", "\u0001", "\u001b[0m", "\u2028", "��", "{{int x}}", "{{{x}}}", "lua_block { error() }"],
];

export const FIXED_TEXTS = [
  ...[
    "",
    " ",
    '"',
    '\\"',
    "\\",
    "\\\\",
    "$",
    "$$",
    "\u0024{",
    "\u0024{}",
    "$1$2",
    "a$",
    "$literal_dollar",
    '"; return 500; #',
    "';",
  ],
  ...[
    "\n",
    "\r\n\r\n",
    "#",
    "a # b",
    "{}",
    "}",
    "text; }\n}\nserver {",
    "\\x41",
    "%00",
    "x".repeat(3900),
    "$".repeat(200),
    "\\".repeat(501),
  ],
];

/** Always the same texts: a fault can be looked at again. */
export function generatedTexts(count: number): string[] {
  let seed = 0x9e3779b9;
  const next = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const piece = () => PIECES[next(PIECES.length)] ?? "";
  return Array.from({ length: count }, () => Array.from({ length: 1 + next(8) }, piece).join(""));
}
