// Replicates documents (one JSON object a line on standard input) from one PouchDB into another, both in LevelDB files
// in the folder named; prints the seconds it took.
const PouchDB = require("pouchdb");
const { join } = require("path");
const { performance } = require("perf_hooks");
const { readFileSync } = require("fs");

async function main() {
  const docs = readFileSync(0, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const folder = process.argv[2];
  const [from, to] = ["from", "to"].map((name) => new PouchDB(join(folder, name)));
  await from.bulkDocs(docs);
  const began = performance.now();
  await PouchDB.replicate(from, to, { batch_size: 1000 });
  const seconds = (performance.now() - began) / 1000;
  const { doc_count: count } = await to.info();
  if (count !== docs.length) throw new Error(`${count} documents arrived of ${docs.length}`);
  await Promise.all([from.close(), to.close()]);
  console.log(seconds);
}

main();
