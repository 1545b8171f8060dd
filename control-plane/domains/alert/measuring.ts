// Asks what has to be measured, once for each period, about all the alerts that need it.
import type { Logger } from "../../../platform/log.ts";
import { Problem } from "../../../platform/problem.ts";
import { dependencyAway } from "../../http/problems.ts";
import { type Measures, type Metric, scopeKey } from "../report/index.ts";
import { type Need, type Question, questionKey, questionsOf } from "./needs.ts";

/** Of different periods: the others wait, so that reports have room. */
const QUESTIONS_AT_ONCE = 2;

export type Numbers = Readonly<Partial<Record<Metric, number>>>;
/** What a scope has no entry for was nothing. */
export type Measuring = Pick<Measures, "measureMany">;

interface Asking {
  readonly measures: Measuring;
  readonly log: Logger;
}

interface Answer {
  /** By scope. */
  readonly numbers: ReadonlyMap<string, Numbers>;
  /** What these accounts need could not be measured. */
  readonly failed: ReadonlySet<string>;
}

/** By question; one that failed for all has no answer. */
export type Answers = ReadonlyMap<string, Answer>;

export async function measureAll(
  needs: readonly Need[],
  { measures, log }: Asking,
  signal: AbortSignal,
): Promise<Answers> {
  const answers = new Map<string, Answer>();
  const questions = [...questionsOf(needs)];
  const ask = async () => {
    for (let question = questions.shift(); question !== undefined; question = questions.shift()) {
      signal.throwIfAborted();
      try {
        answers.set(questionKey(question), await answerOf(question, { measures, log }, signal));
      } catch (error) {
        if (!isAway(error)) throw error;
        log.warn("alerts on traffic are not judged: ClickHouse is away");
        // The others would wait as long, and learn the same.
        questions.length = 0;
      }
    }
  };
  await Promise.all(Array.from({ length: QUESTIONS_AT_ONCE }, ask));
  return answers;
}

/** One account's question that is too large leaves the others theirs. */
async function answerOf(question: Question, { measures, log }: Asking, signal: AbortSignal): Promise<Answer> {
  try {
    return { numbers: await measures.measureMany(question, signal), failed: new Set() };
  } catch (error) {
    const accounts = [...new Set(question.of.map(({ accountId }) => accountId))];
    if (signal.aborted || isAway(error)) throw error;
    const [accountId] = accounts;
    if (accounts.length === 1 && accountId !== undefined) {
      log.error({ error, account_id: accountId }, "alerts are not judged: what they need cannot be measured");
      return { numbers: new Map(), failed: new Set(accounts) };
    }
    const first = new Set(accounts.slice(0, Math.ceil(accounts.length / 2)));
    const half = (isFirst: boolean) => question.of.filter(({ accountId: id }) => first.has(id) === isFirst);
    const one = await answerOf({ ...question, of: half(true) }, { measures, log }, signal);
    const other = await answerOf({ ...question, of: half(false) }, { measures, log }, signal);
    return {
      numbers: new Map([...one.numbers, ...other.numbers]),
      failed: new Set([...one.failed, ...other.failed]),
    };
  }
}

function isAway(error: unknown): boolean {
  return error instanceof Problem && error.kind === dependencyAway;
}

/** In the order of the needs; undefined: not to be had. */
export function measuredOf(needs: readonly Need[], answers: Answers): readonly Numbers[] | undefined {
  const measured = needs.flatMap((need) => {
    const answer = answers.get(questionKey(need));
    if (answer === undefined || answer.failed.has(need.accountId)) return [];
    return [answer.numbers.get(scopeKey(need)) ?? {}];
  });
  return measured.length === needs.length ? measured : undefined;
}
