// What the parts of a report share.

import type { Pictures, Section } from "./markup.ts";

/** The options of a report, checked. */
export interface ReportRun {
  readonly seed: number;
  readonly command: string | undefined;
  readonly date: Date;
  readonly pictures: Pictures;
  readonly pause: () => Promise<void>;
  /** Tells what is done next. */
  readonly step: (step: string, finished: number, total: number) => Promise<void>;
}

/** A report without its head. */
export interface Made {
  readonly title: string;
  readonly subtitle: string;
  readonly sections: readonly Section[];
}
