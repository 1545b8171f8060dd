// Says in a sentence that Node is too old, before anything is loaded that such a Node cannot read.

const WANTED = [20, 12];

export function assertNodeVersion() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > WANTED[0] || (major === WANTED[0] && minor >= WANTED[1])) return;
  process.stderr.write(
    `Edgewright needs Node.js ${WANTED.join(".")} or newer, and this is ${process.versions.node}: install a newer one from https://nodejs.org.\n`,
  );
  process.exit(1);
}
