// What the URL of an origin may be, whatever the platform's policy. No input or output.

/** Of http or https; undefined: it is none that an origin could have. */
export function parseOriginUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === "http:" || url?.protocol === "https:" ? url : undefined;
}

/** Every fault that the text has by itself. */
export function originUrlFaults(text: string): readonly string[] {
  const url = parseOriginUrl(text);
  if (url === undefined) return ["must be a URL such as https://origin.example.com or http://203.0.113.7:8080."];
  const faults: string[] = [];
  if (url.username !== "" || url.password !== "") faults.push("must not carry a user or a password.");
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    faults.push("must end after the host and port: an origin has no path of its own.");
  }
  if (url.port === "0") faults.push("must name a port from 1 to 65535.");
  return faults;
}
