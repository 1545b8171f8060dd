// Waiting for something that may never end.

/** Whether the work ended in time. Its failure goes on to the caller, unless the time was over first. */
export async function endsWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const missed = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  try {
    return await Promise.race([work.then(() => true), missed]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}
