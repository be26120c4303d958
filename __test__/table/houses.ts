/** A small table with everything: numbers with gaps, categories, booleans, dates, texts, a constant. */

/** A house with its price, which follows from area, town and garden. */
export interface House {
  readonly area: number | null;
  readonly town: string;
  readonly garden: boolean;
  readonly sold: Date;
  readonly country: string;
  readonly kind: "dear" | "cheap";
  readonly price: number;
}

export function houses(rows: number, seed = 1): House[] {
  let state = seed;
  const draw = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return Array.from({ length: rows }, () => {
    const area = Math.round(30 + 170 * draw());
    const town = ["Oslo", "Bergen", "Bodø"][Math.floor(3 * draw())];
    const garden = draw() < 0.5;
    const sold = new Date(Date.UTC(2020, Math.floor(36 * draw()), 1));
    const price = 3 * area + (town === "Oslo" ? 200 : 0) + (garden ? 50 : 0) + 5 * draw();
    const kind = price > 500 ? ("dear" as const) : ("cheap" as const);
    return { area: draw() < 0.1 ? null : area, town, garden, sold, country: "Norway", kind, price };
  });
}
