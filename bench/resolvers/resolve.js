// Node's resolver, as its http client uses it: "MICROSECONDS ADDRESS...", without addresses if there are none.
const dns = require("node:dns");

const [name] = process.argv.slice(2);
if (!name) {
  console.error("usage: resolve.js NAME");
  process.exit(2);
}
const before = process.hrtime.bigint();
dns.lookup(name, { all: true }, (error, found) => {
  const spent = (process.hrtime.bigint() - before) / 1000n;
  if (error && error.code !== "ENOTFOUND") {
    console.error(error.message);
    process.exit(1);
  }
  console.log([spent, ...(found ?? []).map((each) => each.address)].join(" "));
});
