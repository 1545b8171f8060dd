// What an agent that follows the feed can be told instead of changes.
import { defineProblem } from "../../../platform/problem.ts";

export const anotherFeed = defineProblem("another-feed", 409, "The feed was made anew");
export const changesForgotten = defineProblem("changes-forgotten", 410, "Changes that old are forgotten");
export const feedNotReady = defineProblem("feed-not-ready", 503, "The feed is not ready");
export const tooManyWaiting = defineProblem("too-many-waiting", 503, "Too many agents wait here");
