// What the servers here share: how each is started and how it ends.
//
// The token that clients must show comes in TOKEN. The base URL goes to
// standard output as the first line, once the server answers. At each line on
// its standard input the server forgets everything that it holds, and says so
// with a line. It ends when its standard input does, so that none outlives the
// tests that started it.

export const token = process.env.TOKEN;
if (!token) {
  console.error("TOKEN is not set");
  process.exit(1);
}

// listen starts an HTTP server on a free port of the loopback interface.
export function listen(server, base, forget) {
  server.listen(0, "127.0.0.1", () => console.log(origin(server) + base));
  process.stdin.on("end", () => process.exit(0)).on("data", () => {
    forget();
    console.log("empty");
  });
}

export function origin(server) {
  return `http://127.0.0.1:${server.address().port}`;
}
