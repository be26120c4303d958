/** The pictures of `myelin plot`: what each is, and what it needs. */

export interface Kind {
  readonly description: string;
  /** What it is a picture of. */
  readonly of: "table" | "table model" | "network";
  /** How many columns are to be named. */
  readonly columns?: number;
  /** Whether it needs rows beside the model. */
  readonly needsData?: boolean;
}

const ofModel = { of: "table model", needsData: true } as const;

export const KINDS = {
  distribution: { of: "table", columns: 1, description: "a table's column: how often its values occur" },
  scatter: { of: "table", columns: 2, description: "a table's two columns as points" },
  confusion: { ...ofModel, description: "a model's classes: answers by actual class" },
  roc: { ...ofModel, description: "a model's classes: true against false positives" },
  "precision-recall": { ...ofModel, description: "a model's classes: precision against recall" },
  calibration: { ...ofModel, description: "a model's classes: how far probabilities can be trusted" },
  "predicted-vs-actual": { ...ofModel, description: "a model's numbers, with residuals" },
  importance: { ...ofModel, description: "a model's columns: how much worse it is without each" },
  dependence: { ...ofModel, columns: 1, description: "a model's mean answer along a column" },
  boundary: { ...ofModel, columns: 2, description: "a model's answers over two columns" },
  curves: { of: "network", description: "a network's last training" },
  weights: { of: "network", description: "a network's weights by layer" },
  network: { of: "network", description: "a network's layers" },
} as const satisfies Readonly<Record<string, Kind>>;

export type KindName = keyof typeof KINDS;
