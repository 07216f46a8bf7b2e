// BullMQ with its own defaults for locks (30 s), stalled jobs (looked for every 30 s, one
// redelivery) and with the same attempts as the others.
//
//   node bullmq.cjs submit 400 | work | count
"use strict";

const fs = require("fs");
const { Queue, Worker } = require("bullmq");

const connection = {
  path: process.env.CHAOS_REDIS_SOCKET,
  db: Number(process.env.CHAOS_REDIS_DB),
  maxRetriesPerRequest: null, // as BullMQ asks for workers
};
const effects = process.env.CHAOS_EFFECTS;

const note = (event, name) =>
  fs.appendFileSync(effects, `${event} ${name} ${(Date.now() / 1000).toFixed(6)}\n`);

async function submit(number) {
  const queue = new Queue("chaos", { connection });
  const options = { attempts: 4, backoff: { type: "exponential", delay: 5000 } };
  await queue.addBulk(
    Array.from({ length: number }, (_, n) => ({
      name: "job",
      data: { name: `job-${n}` },
      opts: { ...options, jobId: `job-${n}` },
    })),
  );
  await queue.close();
}

async function count() {
  const queue = new Queue("chaos", { connection });
  const counts = await queue.getJobCounts("waiting", "active", "delayed", "prioritized");
  console.log(Object.values(counts).reduce((sum, one) => sum + one, 0));
  await queue.close();
}

function work() {
  new Worker(
    "chaos",
    async (job) => {
      note("start", job.data.name);
      await new Promise((resolve) => setTimeout(resolve, 50));
      note("end", job.data.name);
    },
    { connection, concurrency: 2 },
  ).on("error", (error) => console.error(error.message));
}

const verbs = { submit: () => submit(Number(process.argv[3])), count, work };
Promise.resolve(verbs[process.argv[2]]()).catch((error) => {
  console.error(error);
  process.exit(1);
});
