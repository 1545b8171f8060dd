// Asks what has to be measured, once for each period, about all the alerts that need it.
import type { Logger } from "../../../platform/log.ts";
import { Problem } from "../../../platform/problem.ts";
import { dependencyAway } from "../../http/problems.ts";
import { type Measures, type Metric, scopeKey } from "../report/index.ts";
import { type Need, questionKey, questionsOf } from "./needs.ts";

/** Of different periods: the others wait, so that reports have room. */
const QUESTIONS_AT_ONCE = 2;

export type Numbers = Readonly<Partial<Record<Metric, number>>>;
/** What a scope has no entry for was nothing. */
export type Measuring = Pick<Measures, "measureMany">;

/** By question and scope; a question that failed has no answer. */
export type Answers = ReadonlyMap<string, ReadonlyMap<string, Numbers>>;

export async function measureAll(
  needs: readonly Need[],
  { measures, log }: { readonly measures: Measuring; readonly log: Logger },
  signal: AbortSignal,
): Promise<Answers> {
  const answers = new Map<string, ReadonlyMap<string, Numbers>>();
  const questions = [...questionsOf(needs)];
  const ask = async () => {
    for (let question = questions.shift(); question !== undefined; question = questions.shift()) {
      signal.throwIfAborted();
      try {
        answers.set(questionKey(question), await measures.measureMany(question, signal));
      } catch (error) {
        if (signal.aborted) throw error;
        const isAway = error instanceof Problem && error.kind === dependencyAway;
        if (isAway) log.warn("alerts on traffic are not judged: ClickHouse is away");
        else log.error({ error }, "alerts on traffic are not judged: what they need cannot be measured");
        // The others would wait as long, and learn the same.
        if (isAway) questions.length = 0;
      }
    }
  };
  await Promise.all(Array.from({ length: QUESTIONS_AT_ONCE }, ask));
  return answers;
}

/** In the order of the needs; undefined: not to be had. */
export function measuredOf(needs: readonly Need[], answers: Answers): readonly Numbers[] | undefined {
  const measured = needs.flatMap((need) => {
    const answer = answers.get(questionKey(need));
    return answer === undefined ? [] : [answer.get(scopeKey(need)) ?? {}];
  });
  return measured.length === needs.length ? measured : undefined;
}
