/** `myelin serve`: its options. */
import {
  type Declare,
  jsonOption,
  kernelOption,
  names,
  positiveNumber,
  wholeNumber,
  withExamples,
} from "../options.ts";

export const serve: Declare = (program) => {
  const command = program
    .command("serve")
    .summary("answer requests for predictions over HTTP")
    .description(
      "Answers requests for predictions over HTTP: POST /predict takes rows as JSON, GET /openapi.json describes them.",
    )
    .argument("<model>", "file that myelin train or save wrote")
    .option("--port <number>", "port; 0 for a free one", wholeNumber(0), 3000)
    .option("--host <address>", "address to listen at; 0.0.0.0 for all networks", "127.0.0.1")
    .option("--hostnames <names>", "further names that requests may be for, as behind a proxy", names)
    .option(
      "--rate <number>",
      "requests a second that each client may make (default: no limit)",
      positiveNumber,
    )
    .option("--maximum-rows <number>", "most rows of a request", wholeNumber(1), 10_000)
    .option("--maximum-bytes <number>", "most bytes of a request", wholeNumber(1), 1_048_576)
    .option("--timeout <seconds>", "time for a request to arrive, and to stop", positiveNumber, 30)
    .option("--cors <origins>", "origins whose pages may read the answers, or * (default: none)", names)
    .option("--base-path <prefix>", "path that precedes /predict and the others", "")
    .addOption(kernelOption())
    .addOption(jsonOption())
    .action(async (model, options) => (await import("../serve.ts")).serveCommand(model, options));
  withExamples(
    command,
    "myelin serve prices.myelin",
    "myelin serve prices.myelin --port 8080 --host 0.0.0.0 --rate 20",
  );
};
