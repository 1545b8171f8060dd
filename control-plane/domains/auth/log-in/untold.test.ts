// Whether somebody exists is told neither by an answer nor by the work behind it: the work is counted, not timed.
import bcrypt from "bcrypt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPasswords } from "../password/passwords.ts";
import { createTestPeople, type TestPeople } from "../test-people.ts";

const compared: number[] = [];
let people: TestPeople;
beforeAll(async () => {
  const passwords = createPasswords({
    hash: bcrypt.hash,
    compare: (password, hash) => {
      compared.push(bcrypt.getRounds(hash));
      return bcrypt.compare(password, hash);
    },
  });
  people = await createTestPeople({ passwords });
  await people.register("ada");
  await people.register("wallet");
  await people.db("user").where({ username: "wallet" }).update({ password_hash: null });
});
afterAll(() => people.stop());

/** What a request asks of bcrypt and of the database. */
async function workOf(ask: () => Promise<unknown>): Promise<{ rounds: number[]; statements: string[] }> {
  const statements: string[] = [];
  const note = ({ sql }: { sql: string }) => statements.push(sql);
  compared.length = 0;
  people.db.on("query", note);
  try {
    await ask();
  } finally {
    people.db.removeListener("query", note);
  }
  return { rounds: [...compared], statements };
}

test("a refused log-in answers the same and costs the same, known or not, with a password or without", async () => {
  const attempts = ["ada", "nobody", "wallet", "ada@example.com", "nobody@example.com"];
  const answers = [];
  const works = [];
  for (const login of attempts) {
    const body = { login, password: "wrong-horse-1" };
    let answer: Awaited<ReturnType<TestPeople["ask"]>> | undefined;
    works.push(
      await workOf(async () => {
        answer = await people.ask("POST", "/auth/login", { body });
      }),
    );
    answers.push({ status: answer?.status, body: withoutInstance(answer?.body) });
  }
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  for (const { rounds } of works) expect(rounds).toEqual([bcryptCost]);
  expect(works[1]?.statements).toEqual(works[0]?.statements);
  expect(works[2]?.statements).toEqual(works[0]?.statements);
  expect(works[4]?.statements).toEqual(works[3]?.statements);
});

test("asking for a new password answers the same, and leaves the same behind, whoever the address belongs to", async () => {
  const works = [];
  for (const email of ["ada@example.com", "nobody@example.com"]) {
    works.push(
      await workOf(async () => {
        const reply = await people.ask("POST", "/auth/forgot-password", { body: { email } });
        expect([reply.status, reply.body]).toEqual([202, undefined]);
      }),
    );
  }
  expect(works[1]).toEqual(works[0]);
  const jobs = await people.db("outbox").where({ job: "auth.send-password-reset" });
  expect(jobs).toHaveLength(2);
});

const bcryptCost = 11;

function withoutInstance(body: unknown): unknown {
  return typeof body === "object" ? { ...body, instance: undefined } : body;
}
