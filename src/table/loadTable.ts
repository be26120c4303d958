/** loadTable: a table model from a file. */
import { readFile } from "#files";
import type { KernelChoice } from "../kernel/choose.ts";
import { checkTableBeginning } from "./bytes.ts";
import { restoreTable, type TableModel } from "./tableModel.ts";

/**
 * Makes a table model of a file that `save` wrote. It predicts the same bits. Nothing in a file is ever run.
 *
 * @example
 * ```ts
 * await save(model, "penguins.myelin");
 * const copy = await loadTable("penguins.myelin");
 * ```
 *
 * @throws FileError if the file cannot be read, FormatError if it is not a table model, or one of a newer
 * version; both name the path.
 */
export async function loadTable(
  path: string | URL,
  options: { readonly kernel?: KernelChoice } = {},
): Promise<TableModel> {
  const { bytes, place } = await readFile(path, "loadTable", checkTableBeginning);
  return restoreTable(bytes, place, options);
}
