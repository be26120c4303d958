// A package registry on this machine, which has only the packed packages.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

/** Serves the tarballs of a folder until `close` is called. */
export async function startRegistry(folder) {
  const tarballs = readdirSync(folder).filter((file) => file.endsWith(".tgz"));
  const packages = new Map(tarballs.map((file) => [manifestOf(join(folder, file)).name, join(folder, file)]));
  const server = createServer((request, response) => {
    const [, name, isTarball] = decodeURIComponent(request.url).match(/^\/([^/?]+)(\/-\/)?/) ?? [];
    const file = packages.get(name);
    if (file === undefined) response.writeHead(404).end("{}");
    else if (isTarball) response.end(readFileSync(file));
    else response.setHeader("content-type", "application/json").end(JSON.stringify(describe(file, request)));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

function manifestOf(file) {
  return JSON.parse(spawnSync("tar", ["-xzOf", file, "package/package.json"], { encoding: "utf8" }).stdout);
}

function describe(file, { headers: { host } }) {
  const manifest = manifestOf(file);
  const { name, version } = manifest;
  const content = readFileSync(file);
  const hash = (kind, form) => createHash(kind).update(content).digest(form);
  const dist = {
    tarball: `http://${host}/${name}/-/${name}-${version}.tgz`,
    shasum: hash("sha1", "hex"),
    integrity: `sha512-${hash("sha512", "base64")}`,
  };
  const versions = { [version]: { ...manifest, _id: `${name}@${version}`, dist } };
  return { _id: name, name, "dist-tags": { latest: version }, versions };
}
