// Which browser, crawler or tool sent a request: a word of a closed list, for the text itself is a good part of a name.
import Bowser from "bowser";
import { isbot } from "isbot";
import { LRUCache } from "lru-cache";

/** Texts are parsed once: it costs a thousand times what a look here does. */
const KNOWN_MAX = 20_000;
/** What comes behind is looked at by nobody. */
const TEXT_MAX = 512;

const browsers: ReadonlySet<string> = new Set(Object.values(Bowser.BROWSER_MAP));

/** Tools, players and crawlers by the first word of what they say, in small letters. */
const tools: ReadonlyMap<string, string> = new Map(
  [
    "curl",
    "Wget",
    "python-requests",
    "Python-urllib",
    "aiohttp",
    "Go-http-client",
    "okhttp",
    "axios",
    "node-fetch",
    "undici",
    "Java",
    "Apache-HttpClient",
    "Dalvik",
    "libwww-perl",
    "Ruby",
    "PostmanRuntime",
    "HTTPie",
    "CFNetwork",
    "Lavf",
    "VLC",
    "ExoPlayerLib",
    "AppleCoreMedia",
    "stagefright",
    "GStreamer",
    "mpv",
    "Kodi",
    "edgewright",
  ].map((name) => [name.toLowerCase(), name]),
);

const OTHER_BOT = "other bot";
const OTHER = "other";

/** All that user_agent_family can be. */
export const userAgentFamilies: ReadonlySet<string> = new Set(["", OTHER, OTHER_BOT, ...browsers, ...tools.values()]);

/** Crawlers that Bowser tells by name. */
const NAMED_BOT = /bot|crawler|spider|slurp|^meta-|facebook|diffbot|^chatgpt|^perplexity/i;

export function createUserAgentFamilies(): (text: string) => string {
  const known = new LRUCache<string, string>({ max: KNOWN_MAX });
  return (text) => {
    if (text === "") return "";
    const begin = text.length <= TEXT_MAX ? text : beginningOf(text);
    const kept = known.get(begin);
    if (kept !== undefined) return kept;
    const family = familyOf(begin);
    known.set(begin, family);
    return family;
  };
}

/** A copy: a slice would keep the whole text in memory. */
function beginningOf(text: string): string {
  return Buffer.from(text.slice(0, TEXT_MAX)).toString();
}

function familyOf(text: string): string {
  const [first = ""] = text.split(/[/ (]/, 1);
  const tool = tools.get(first.toLowerCase());
  if (tool !== undefined) return tool;
  const name = Bowser.getParser(text, true).getBrowserName();
  if (browsers.has(name) && NAMED_BOT.test(name)) return name;
  // Many a crawler says that it is some browser, and then its name.
  if (isbot(text)) return OTHER_BOT;
  return browsers.has(name) ? name : OTHER;
}
