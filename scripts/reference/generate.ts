/**
 * Writes the reference: TypeDoc's output for the exports and their docstrings, extended with data from the
 * tables.
 */
import {
  Application,
  CommentTag,
  Converter,
  type DeclarationReflection,
  type ProjectReflection,
  ReflectionKind,
  type SignatureReflection,
  type SomeType,
  UnknownType,
} from "typedoc";
import type { AnyEntry } from "../../src/options.ts";
import { entryText } from "./entries.ts";
import { type Shown, tables } from "./tables.ts";

/** Returns the export of an entry. */
function reflectionOf(
  project: ProjectReflection,
  { namespace }: Shown,
  name: string,
): DeclarationReflection | undefined {
  const namespaces = project.getReflectionsByKind(ReflectionKind.Namespace) as DeclarationReflection[];
  const holder = namespace === undefined ? project : namespaces.find((one) => one.name === namespace);
  return holder?.children?.find((child) => child.name === name);
}

/** Returns the signature of a builder, if it has parameters besides its options. */
function signatureOf(type: SomeType | undefined): SignatureReflection | undefined {
  if (type?.type === "intersection") return signatureOf(type.types[0]);
  return type?.type === "reflection" ? type.declaration.signatures?.[0] : undefined;
}

/** Returns the call as the type. The real type spells out the options' types, over pages for some entries. */
function callOf({ type }: DeclarationReflection, entry: AnyEntry<unknown>): UnknownType {
  const options = Object.values(entry.options as object);
  const isRequired = options.some((option) => "required" in option);
  const own = options.length === 0 ? [] : [isRequired ? "options" : "options?"];
  const given = signatureOf(type)?.parameters?.map(({ name, flags, defaultValue }) =>
    flags.isOptional || defaultValue !== undefined ? `${name}?` : name,
  );
  return new UnknownType(`(${(given ?? own).join(", ")}) => { type: "${entry.type}", … }`);
}

/** Adds options and pictures to the entries' docstrings, and groups the entries by table. */
function extend(project: ProjectReflection): void {
  for (const table of tables) {
    for (const entry of table.entries) {
      const reflection = reflectionOf(project, table, entry.type);
      if (reflection?.comment === undefined) {
        throw new Error(`${table.title}: ${entry.type} is not exported, or has no docstring`);
      }
      reflection.comment.summary.push({ kind: "text", text: entryText(entry, table) });
      reflection.comment.blockTags.push(new CommentTag("@group", [{ kind: "text", text: table.title }]));
      reflection.type = callOf(reflection, entry);
      delete reflection.defaultValue;
    }
  }
}

/** Writes HTML pages to a folder. A docstring that cannot be resolved is an error. */
export async function generate(root: string, folder: string): Promise<void> {
  const app = await Application.bootstrap({
    name: "Myelin",
    entryPoints: [`${root}/scripts/reference/exports.ts`],
    tsconfig: `${root}/tsconfig.json`,
    readme: `${root}/README.md`,
    includeVersion: true,
    excludePrivate: true,
    // The pages are two folders deep in the checkout and link to the sources there.
    disableGit: true,
    sourceLinkTemplate: "../../{path}",
    displayBasePath: root,
    navigation: { includeGroups: true },
    searchInComments: true,
    groupOrder: ["Classes", ...tables.map(({ title }) => title), "Functions", "*"],
    logLevel: "Warn",
    treatWarningsAsErrors: true,
    validation: { notExported: false, invalidLink: true },
  });
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => extend(project));
  const project = await app.convert();
  if (project === undefined || app.logger.hasErrors()) throw new Error("typedoc could not read the sources");
  await app.generateDocs(project, folder);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Error("typedoc reported problems");
}
