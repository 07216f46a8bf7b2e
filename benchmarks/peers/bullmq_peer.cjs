// BullMQ, and BullMQ with a row of PostgreSQL for each job that says where it stands.
//
//   node bullmq_peer.cjs submit 10000 | latency 200 | work 1
//
// BENCH_ROWS=1: a row a job, written before it is added, and updated when it starts and when
// it ends. The table has no index but its key.
"use strict";

const { Queue, QueueEvents, Worker } = require("bullmq");
const IORedis = require("ioredis");
const { Pool } = require("pg");

const rows = process.env.BENCH_ROWS === "1";
const name = rows ? "rows" : "bare";
const CHUNK = 1000;

const connect = () =>
  new IORedis({
    path: process.env.BENCH_REDIS_SOCKET,
    db: Number(process.env.BENCH_REDIS_DB),
    maxRetriesPerRequest: null, // as BullMQ asks for workers
  });

const pool = rows
  ? new Pool({
      host: process.env.BENCH_PG_HOST,
      user: process.env.BENCH_PG_USER,
      database: process.env.BENCH_PG_DATABASE,
      max: 1,
    })
  : null;

const TABLE = `CREATE TABLE IF NOT EXISTS bullmq_jobs (
  job_id text PRIMARY KEY, state text NOT NULL, data jsonb NOT NULL, result jsonb,
  created_at timestamptz NOT NULL DEFAULT now(), started_at timestamptz, finished_at timestamptz)`;

const options = { removeOnComplete: { count: 100 }, removeOnFail: { count: 50 } };

async function accept(queue, jobs) {
  if (rows) {
    // Prepared, one statement for all of a chunk: what the driver's documentation advises.
    await pool.query({
      name: "accept",
      text: `INSERT INTO bullmq_jobs (job_id, state, data)
             SELECT id, 'waiting', data FROM unnest($1::text[], $2::jsonb[]) AS new (id, data)`,
      values: [jobs.map((job) => job.opts.jobId), jobs.map((job) => JSON.stringify(job.data))],
    });
  }
  await queue.addBulk(jobs);
}

function made(number) {
  const prefix = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`;
  return Array.from({ length: number }, (_, n) => ({
    name: "nothing",
    data: { photoId: `${prefix}-${n}`, userId: "u1" },
    opts: { ...options, jobId: `${prefix}-${n}` },
  }));
}

async function submit(number) {
  const queue = new Queue(name, { connection: connect() });
  await accept(queue, made(100));
  const jobs = made(number);
  const began = process.hrtime.bigint();
  for (let start = 0; start < number; start += CHUNK) {
    await accept(queue, jobs.slice(start, start + CHUNK));
  }
  console.log(Number(process.hrtime.bigint() - began) / 1e9);
}

async function latency(number) {
  const queue = new Queue(name, { connection: connect() });
  // From the beginning: what ends before it listens must not be missed.
  const events = new QueueEvents(name, { connection: connect(), lastEventId: "0-0" });
  await events.waitUntilReady();
  const took = [];
  for (let n = -20; n < number; n += 1) {
    const [job] = made(1);
    const began = process.hrtime.bigint();
    if (rows) {
      await pool.query({
        name: "accept-one",
        text: "INSERT INTO bullmq_jobs (job_id, state, data) VALUES ($1, 'waiting', $2)",
        values: [job.opts.jobId, JSON.stringify(job.data)],
      });
    }
    const added = await queue.add(job.name, job.data, job.opts);
    await added.waitUntilFinished(events, 30000);
    if (n >= 0) took.push(Number(process.hrtime.bigint() - began) / 1e6);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  console.log(JSON.stringify(took));
}

async function work() {
  const nothing = async () => ({ ok: true });
  const tracked = async (job) => {
    await pool.query({
      name: "started",
      text: "UPDATE bullmq_jobs SET state = 'active', started_at = now() WHERE job_id = $1",
      values: [job.id],
    });
    const result = { ok: true };
    await pool.query({
      name: "ended",
      text: `UPDATE bullmq_jobs SET state = 'completed', finished_at = now(), result = $2
             WHERE job_id = $1`,
      values: [job.id, JSON.stringify(result)],
    });
    return result;
  };
  const worker = new Worker(name, rows ? tracked : nothing, {
    connection: connect(),
    concurrency: 1,
  });
  process.on("SIGTERM", async () => {
    await worker.close();
    process.exit(0);
  });
  await new Promise(() => {});
}

async function main() {
  const [verb, number] = [process.argv[2], Number(process.argv[3])];
  if (rows) await pool.query(TABLE);
  if (verb === "work") return work();
  await (verb === "submit" ? submit(number) : latency(number));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
