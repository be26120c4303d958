/** `myelin doctor`: its options. */
import { type Declare, jsonOption, withExamples } from "../options.ts";

export const doctor: Declare = (program) => {
  const command = program
    .command("doctor")
    .description("print the kernel in use and why, the machine, versions and optional packages")
    .addOption(jsonOption())
    .action(async (options) => (await import("../doctor.ts")).doctorCommand(options));
  withExamples(command, "myelin doctor");
};
