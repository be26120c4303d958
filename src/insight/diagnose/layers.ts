/** Layers that together are one linear map with any weights. */
import type { Plan } from "../../kernel/typescript/network.ts";
import type { Operation } from "../../kernel/typescript/operations.ts";
import type { LayerShape } from "../../nn/program.ts";
import type { Finding } from "../../training/warnings/finding.ts";
import { formOf } from "../../training/warnings/functions.ts";
import { type Name, placeOf } from "../../training/warnings/step.ts";

/** A network without its weights. */
export interface Structure {
  readonly plan: Plan;
  readonly names: readonly Name[];
  readonly layers: readonly LayerShape[];
}

type Product = Operation & { readonly kind: "product" };

/** Returns whether an operation is linear, at least in `predict`. */
function isLinear(operation: Operation): boolean {
  if (operation.kind === "elementwise") return formOf(operation.activation).isLinear;
  return operation.kind !== "row" && operation.kind !== "lookup";
}

/**
 * Finds consecutive weighted sums, W₂ (W₁ x + b₁) + b₂ = (W₂ W₁) x + …, which are one weighted sum. A sum
 * that is narrower than its input and than the next sum is intended, because one sum alone cannot replace it.
 */
export function linearStacks(structure: Structure): Finding[] {
  const { plan, names } = structure;
  /** The last weighted sum, if all operations since are linear. */
  let last: number | undefined;
  /** For each open fork, whether all operations since are linear. */
  const forks: boolean[] = [];
  const runs: number[][] = [];
  for (const [at, operation] of plan.operations.entries()) {
    if (!isLinear(operation)) {
      last = undefined;
      forks.fill(false);
    }
    if (operation.kind === "fork") forks.push(true);
    // Two paths meet. Only if both are linear, they are still one linear map.
    if (operation.kind === "add" && !forks.pop()) last = undefined;
    if (operation.kind !== "product") continue;
    if (last !== undefined && !isBottleneck(plan.operations[last] as Product, operation)) {
      const run = runs.find((list) => list.at(-1) === last);
      if (run === undefined) runs.push([last, at]);
      else run.push(at);
    }
    last = at;
  }
  return runs.map((run): Finding => {
    const places = run.map((at) => placeOf(structure, at));
    const shown = `${places.slice(0, -1).join(", ")} and ${places.at(-1)}`;
    const { outputs } = plan.operations[run.at(-1)!];
    return {
      cause: "linearStack",
      layer: names[run[0]].layer,
      message: `${shown} have no nonlinear activation between them: together they compute one linear map, as dense(${outputs}) alone would`,
      fix: "put an activation between them, such as relu(), or remove all but the last",
    };
  });
}

const isBottleneck = (first: Product, second: Product) =>
  first.outputs < first.inputs && first.outputs < second.outputs;
