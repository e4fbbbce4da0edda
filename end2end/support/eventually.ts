/** Waits until something holds, and gives back what it found. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined>, within = 20_000): Promise<T> {
  const deadline = Date.now() + within;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`Waited in vain: ${what}.`);
    await new Promise((done) => setTimeout(done, 25));
  }
}
