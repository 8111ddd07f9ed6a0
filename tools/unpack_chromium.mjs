// Unpacks Chromium with its libraries and a font: node tools/unpack_chromium.mjs ENVIRONMENT.
// The npm package @sparticuz/chromium has them compressed, for Linux on x86-64. On any other system nothing is unpacked,
// and a browser of the system is used.
import { execFileSync } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";

const environment = process.argv[2];
const packed = join(environment, "node_modules", "@sparticuz", "chromium", "bin");
const folder = join(environment, "chromium");

async function inflate(from, to) {
  await pipeline(createReadStream(join(packed, from)), createBrotliDecompress(), createWriteStream(join(folder, to)));
}

async function unpack(archive) {
  await inflate(`${archive}.tar.br`, `${archive}.tar`);
  execFileSync("tar", ["-x", "-f", join(folder, `${archive}.tar`), "-C", folder]);
  await rm(join(folder, `${archive}.tar`));
}

await rm(folder, { recursive: true, force: true });
await mkdir(folder);
if (process.platform === "linux" && process.arch === "x64") {
  await inflate("chromium.br", "chromium");
  await chmod(join(folder, "chromium"), 0o755);
  await unpack("al2023"); // the libraries that Debian has in packages of their own
  await unpack("fonts");
  // The browser then draws pages alike on every machine, whatever fonts it has.
  const [fontFolder, cache] = [resolve(folder, "fonts"), resolve(folder, "cache")];
  const fonts = `<fontconfig><dir>${fontFolder}</dir><cachedir>${cache}</cachedir></fontconfig>\n`;
  await writeFile(join(folder, "fonts.conf"), fonts);
}
await writeFile(join(folder, ".unpacked"), "");
