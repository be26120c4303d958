/** What a model says about the rows of a stream: which were read, and which were learned from. */
import type { Sample } from "./sample.ts";
import type { Continued } from "./stream.ts";

/** What happened to the rows of a source. */
export interface StreamCourse {
  readonly sample: Sample;
  /** By the names of the targets: what became of the rows that are not in the sample. */
  readonly continued: ReadonlyMap<string, Continued>;
}

/** How a reading that the budget ended is told. */
export const cutNote = (rows: number) =>
  `the budget ended the reading after ${rows} rows, because half of it is left to train. Fix: give more seconds, or memory, to learn from a sample`;

/** The rows that networks learned from: those of the sample, and the most others of any target. */
export function rowsLearned({ sample, continued }: StreamCourse): number {
  const others = Array.from(continued.values(), ({ learned }) => learned);
  return sample.frame.rows + Math.max(0, ...others);
}

/** The notes of a model that learned from a stream. */
export function streamNotes({ sample, continued }: StreamCourse): string[] {
  const { frame, rows, again, isCut } = sample;
  const read = isCut ? [`the budget ended the reading of the sample after ${rows} rows`] : [];
  if (frame.rows === rows) return isCut ? read : [`all ${rows} rows fit in the memory that was given`];
  if (again === undefined) {
    return [
      ...read,
      `a sample of ${frame.rows} of ${rows} rows was learned from, because the source can be read only once. Fix: give a function that returns the rows`,
    ];
  }
  const isOne = continued.size === 1;
  return [
    ...read,
    ...Array.from(continued, ([name, one]) => {
      const others = othersNote(one);
      return `${isOne ? "" : `${JSON.stringify(name)}: `}${frame.rows} of ${rows} rows were learned from in memory, ${others}`;
    }),
    ...Array.from(continued, ([name, { refused }]) =>
      refused === 0
        ? []
        : `${refused} of the other rows have a value of ${JSON.stringify(name)} that cannot be read, or a class that the sample lacks, and were left out`,
    ).flat(),
  ];
}

function othersNote({ learned, better, networks, isCut }: Continued): string {
  const end = isCut ? ", until the budget ended" : "";
  if (learned > 0) {
    const who = better === networks ? "" : ` by ${better} of ${networks} networks`;
    return `${isCut ? `${learned} of the others` : "the others"} block by block${who}${end}`;
  }
  return isCut
    ? "none of the others before the budget ended"
    : "the others made no network better and changed none";
}
