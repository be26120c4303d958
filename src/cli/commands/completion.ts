/** `myelin completion`: its options. */
import { Argument } from "commander";
import { type Declare, jsonOption, withExamples } from "../options.ts";

export const completion: Declare = (program) => {
  const command = program
    .command("completion")
    .summary("print the completion script of a shell")
    .description("Prints the script that completes commands, options and files in a shell.")
    .addArgument(new Argument("<shell>", "the shell").choices(["bash", "zsh", "fish"]))
    .addOption(jsonOption())
    .action(async (shell, options) =>
      (await import("../completion/run.ts")).completionCommand(program, shell, options),
    );
  withExamples(
    command,
    "myelin completion bash >> ~/.bashrc",
    "myelin completion zsh > ~/.zsh/completions/_myelin",
    "myelin completion fish > ~/.config/fish/completions/myelin.fish",
  );
};
