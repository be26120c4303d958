// What a picture shows, without a size: panels with axes and marks, a legend and notes. The writers (svg.ts,
// html.ts, terminal.ts) draw the same figure.

import type { Paint } from "./colors.ts";

/** Names and values that hovering shows, in this order. */
export type Rows = readonly (readonly [name: string, value: string])[];

/** The shape of a point. */
export type Shape = "circle" | "square" | "triangle" | "diamond";

/** The meaning of a color, a shape or a kind of line. */
export interface Key {
  readonly name: string;
  readonly paint: Paint;
  readonly mark: Shape | "line" | "dashes" | "rule" | "ring" | "area";
}

/** A color ramp with its ends. */
export interface Ramp {
  readonly label: string;
  readonly range: readonly [low: number, high: number];
  /** Whether some values are below or above the range. */
  readonly exceeded: readonly [below: boolean, above: boolean];
}

/** One axis. */
export interface Axis {
  readonly kind: "number" | "log" | "date";
  readonly label: string;
  readonly domain: readonly [low: number, high: number];
  /** Whether only integers have ticks. */
  readonly integers?: boolean;
}

export interface Point {
  readonly x: number;
  readonly y: number;
  readonly paint: Paint;
  readonly shape?: Shape;
  readonly isMarked?: boolean;
  /** The number of its class, which tells classes apart that share a paint. */
  readonly group?: number;
  readonly rows?: Rows;
}

export interface Rectangle {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
  readonly paint: Paint;
  readonly rows?: Rows;
}

export type Mark =
  | { readonly type: "points"; readonly points: readonly Point[]; readonly radius?: number }
  | {
      readonly type: "line";
      readonly points: readonly (readonly [x: number, y: number])[];
      readonly paint: Paint;
      /** Dashed lines are references; pale lines are behind others. */
      readonly style?: "solid" | "dashes" | "pale";
    }
  | {
      readonly type: "rectangles";
      readonly rectangles: readonly Rectangle[];
      /** Whether there is a gap between neighbors, and the opacity. */
      readonly gap?: boolean;
      readonly opacity?: number;
    }
  /** A vertical (x) or horizontal (y) line across the panel. */
  | { readonly type: "rule"; readonly x?: number; readonly y?: number; readonly label?: string }
  /** What hovering shows at positions of x, wherever the pointer is vertically. */
  | { readonly type: "slices"; readonly slices: readonly { readonly x: number; readonly rows: Rows }[] };

export interface PlotPanel {
  readonly kind: "plot";
  readonly title?: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly marks: readonly Mark[];
  /** Height divided by width; the writers limit both. 1 is exact. */
  readonly aspect?: number;
}

export interface Bar {
  readonly name: string;
  readonly value: number;
  /** The ends of an error bar. */
  readonly spread?: readonly [low: number, high: number];
  readonly text: string;
  readonly paint: Paint;
  readonly rows: Rows;
}

/** Horizontal bars with names. */
export interface BarsPanel {
  readonly kind: "bars";
  readonly title?: string;
  readonly label: string;
  readonly bars: readonly Bar[];
}

/** A cell of a matrix; `amount` is from 0 to 1, and undefined for an empty cell. */
export interface Cell {
  readonly text: string;
  readonly amount: number | undefined;
  readonly rows: Rows;
}

export interface MatrixPanel {
  readonly kind: "matrix";
  readonly title?: string;
  readonly rowLabel: string;
  readonly columnLabel: string;
  readonly names: readonly string[];
  readonly cells: readonly (readonly Cell[])[];
}

/** A layer of a diagram. */
export interface Layer {
  readonly name: string;
  readonly units: number;
  readonly note: string;
  readonly rows: Rows;
  /** Whether each unit takes one unit of the layer before, and not all of them. */
  readonly isUnitwise?: boolean;
  /** The weights from the layer before, [units][inputs], if they are drawn. */
  readonly weights?: readonly (readonly number[])[];
}

export interface DiagramPanel {
  readonly kind: "diagram";
  readonly title?: string;
  readonly layers: readonly Layer[];
}

export type Panel = PlotPanel | BarsPanel | MatrixPanel | DiagramPanel;

export interface Figure {
  readonly title: string;
  /** What the picture shows, in sentences, for readers who do not see it. */
  readonly description: string;
  /** Captions: numbers of rows, what was left out or thinned. */
  readonly notes: readonly string[];
  readonly keys?: readonly Key[];
  readonly ramp?: Ramp;
  readonly panels: readonly Panel[];
  /** The maximum number of panels beside each other; 1 by default. */
  readonly columns?: number;
}
