/** `myelin doctor`: its options. */
import { type Declare, jsonOption, withExamples } from "../options.ts";

export const doctor: Declare = (program) => {
  const command = program
    .command("doctor")
    .summary("show the kernel in use and what the machine offers")
    .description(
      "Shows the kernel in use and why, the machine, versions and optional packages. The exit code is 1 if the native kernel does not load.",
    )
    .addOption(jsonOption())
    .action(async (options) => (await import("../doctor.ts")).doctorCommand(options));
  withExamples(command, "myelin doctor");
};
