/** The completion scripts of bash, zsh and fish. */
import type { CompletedCommand, CompletedOption, CompletedProgram, Expected } from "./completed.ts";

/** A text in single quotes, for the shells of Bourne's kind. */
const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** Words as one text, a word a line, as bash reads them. */
const list = (words: readonly string[]) => quote(words.join("\n"));

const flagsOf = (options: readonly CompletedOption[]) => options.flatMap(({ flags }) => flags);
const valued = (options: readonly CompletedOption[]) => options.filter(({ value }) => value !== undefined);

/** What bash does for what is expected. */
function inBash(expected: Expected): string {
  if (expected === "file") return "files=1";
  return expected === "anything" ? ":" : `words=${list(expected.words)}`;
}

function caseOfBash({ name, options, arguments: all, isVariadic }: CompletedCommand): string {
  const values = valued(options).map(
    ({ flags, value }) => `        ${flags.join("|")}) ${inBash(value as Expected)} ;;`,
  );
  const places = all.map((expected, at) => {
    const isLast = at === all.length - 1;
    return `        ${isLast && isVariadic ? "*" : at}) ${inBash(expected)} ;;`;
  });
  return `    ${name})
      valued=${quote(` ${flagsOf(valued(options)).join(" ")} `)}
      options=${list(flagsOf(options))}
      _myelin_place
      case "$expecting" in
${[...values, '        "") case "$place" in', ...places.map((line) => `  ${line}`), "        esac ;;"].join("\n")}
      esac ;;`;
}

/** The script of bash, from version 3.2 on. It needs no other package. */
export function bash({ options, commands }: CompletedProgram): string {
  return `# Completion of myelin for bash. Load it with: eval "$(myelin completion bash)"

# Finds the option before the word that expects a value, and counts the arguments before the word.
_myelin_place() {
  local at word
  expecting=""
  place=0
  for ((at = start + 1; at < COMP_CWORD; at++)); do
    word="\${COMP_WORDS[at]}"
    if [[ $word == "=" ]]; then continue; fi
    if [[ -n $expecting ]]; then expecting=""; continue; fi
    if [[ $word == -* ]]; then
      if [[ $valued == *" $word "* ]]; then expecting="$word"; fi
    else
      place=$((place + 1))
    fi
  done
}

_myelin() {
  local word="\${COMP_WORDS[COMP_CWORD]}" command="" start=1 words="" options="" files=0 valued expecting="" place
  local IFS=$'\\n'
  COMPREPLY=()
  if [[ $word == "=" ]]; then word=""; fi
  while ((start < COMP_CWORD)) && [[ \${COMP_WORDS[start]} == -* ]]; do start=$((start + 1)); done
  if ((start < COMP_CWORD)); then command="\${COMP_WORDS[start]}"; fi
  case "$command" in
    "")
      options=${list(flagsOf(options))}
      words=${list(commands.map(({ name }) => name))} ;;
${commands.map(caseOfBash).join("\n")}
  esac
  if [[ -z $expecting && $word == -* ]]; then words="$options"; files=0; fi
  if ((files)); then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$word"))
  elif [[ -n $words ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  fi
}

complete -F _myelin myelin
`;
}

/** A text within the brackets of \`_arguments\`, or after a colon of \`_describe\`. */
const inSpecification = (text: string) => text.replace(/[\\[\]:]/g, "\\$&");

/** What zsh does for what is expected. */
function inZsh(expected: Expected): string {
  if (expected === "file") return "_files";
  return expected === "anything" ? " " : `(${expected.words.map(inSpecification).join(" ")})`;
}

/** The specification of an option for `_arguments`. */
function optionOfZsh({ flags, description, value }: CompletedOption): string {
  const end = `[${inSpecification(description)}]${value === undefined ? "" : `:value:${inZsh(value)}`}`;
  if (flags.length === 1) return quote(`${flags[0]}${value === undefined ? "" : "="}${end}`);
  const [short, long] = flags;
  const isValued = value === undefined ? "" : "=";
  return `'(${flags.join(" ")})'{${short},${long}${isValued}}${quote(end)}`;
}

function caseOfZsh({ name, options, arguments: all, isVariadic }: CompletedCommand): string {
  const places = all.map((expected, at) => {
    const place = isVariadic && at === all.length - 1 ? "*" : String(at + 1);
    return quote(`${place}:argument:${inZsh(expected)}`);
  });
  const lines = [...options.map(optionOfZsh), ...places].map((line) => `            ${line}`);
  return `        ${name})
          _arguments \\
${lines.join(" \\\n")} ;;`;
}

/** The script of zsh, as a file of `fpath` or as text to evaluate. */
export function zsh({ options, commands }: CompletedProgram): string {
  const described = commands.map(
    ({ name, description }) => `    ${quote(`${name}:${inSpecification(description)}`)}`,
  );
  return `#compdef myelin
# Completion of myelin for zsh. Save it as _myelin in a folder of fpath, or load it after compinit with:
# eval "$(myelin completion zsh)"

_myelin() {
  local context state state_descr line
  typeset -A opt_args
  local -a commands
  commands=(
${described.join("\n")}
  )
  _arguments -C \\
${options.map((option) => `    ${optionOfZsh(option)} \\`).join("\n")}
    '1: :->command' \\
    '*:: :->rest'
  case $state in
    command) _describe -t commands 'command' commands ;;
    rest)
      case $words[1] in
${commands.map(caseOfZsh).join("\n")}
      esac ;;
  esac
}

if [[ $funcstack[1] == _myelin ]]; then _myelin "$@"; else compdef _myelin myelin; fi
`;
}

/** A text in single quotes for fish. */
const quoteForFish = (text: string) => `'${text.replace(/[\\']/g, "\\$&")}'`;

/** What fish offers for what is expected. */
function inFish(expected: Expected): string {
  if (expected === "file") return " -F";
  return expected === "anything" ? "" : ` -a ${quoteForFish(expected.words.join(" "))}`;
}

function optionOfFish({ flags, description, value }: CompletedOption, condition: string): string {
  const names = flags.map((flag) =>
    flag.startsWith("--") ? ` -l ${flag.slice(2)}` : ` -s ${flag.slice(1)}`,
  );
  // With -x no files are offered, with -r they are.
  const more = value === undefined ? "" : `${value === "file" ? " -r" : " -x"}${inFish(value)}`;
  return `complete -c myelin -n ${quoteForFish(condition)}${names.join("")}${more} -d ${quoteForFish(description)}`;
}

function linesOfFish({ name, options, arguments: all, isVariadic }: CompletedCommand): string[] {
  const within = `__fish_seen_subcommand_from ${name}`;
  const places = all.flatMap((expected, at) => {
    if (expected === "anything") return [];
    const test = isVariadic && at === all.length - 1 ? "-ge" : "-eq";
    const condition = `${within}; and test (__myelin_place) ${test} ${at}`;
    return [`complete -c myelin -n ${quoteForFish(condition)}${inFish(expected)}`];
  });
  return [...options.map((option) => optionOfFish(option, within)), ...places];
}

/** The script of fish. */
export function fish({ options, commands }: CompletedProgram): string {
  const withValue = [...new Set(flagsOf(valued(commands.flatMap(({ options: own }) => own))))];
  const lines = [
    ...options.map((option) => optionOfFish(option, "__fish_use_subcommand")),
    ...commands.map(
      ({ name, description }) =>
        `complete -c myelin -n __fish_use_subcommand -a ${name} -d ${quoteForFish(description)}`,
    ),
    ...commands.flatMap(linesOfFish),
  ];
  return `# Completion of myelin for fish. Save it as ~/.config/fish/completions/myelin.fish

# Prints the number of arguments between the command and the word.
function __myelin_place
  set -l words (commandline -opc)
  set -l place -1
  set -l skip 0
  for word in $words[2..-1]
    if test $skip -eq 1
      set skip 0
    else if string match -q -- '-*' $word
      contains -- $word ${withValue.join(" ")}; and set skip 1
    else
      set place (math $place + 1)
    end
  end
  echo $place
end

complete -c myelin -f
${lines.join("\n")}
`;
}
