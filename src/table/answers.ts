/** What a table model answers, as types: they follow from the records that it was fitted to. */
import type { Scores } from "./scores.ts";
import type { ClassValue } from "./target.ts";

/** An answer for a target whose values have the type `Value`: names and booleans are classes. */
export type Answer<Value = ClassValue> = [Value] extends [string | boolean]
  ? {
      /** The most probable class as the table spells it. */
      readonly value: Value;
      /** The probability of each class by its name. */
      readonly probabilities: Readonly<Record<`${Value}`, number>>;
    }
  : {
      /** The number, or the most probable class as the table spells it. */
      readonly value: unknown extends Value ? ClassValue : Value;
      /** The probability of each class by its name; only for classes. */
      readonly probabilities?: Readonly<Record<string, number>>;
      /** The quantiles by their shares, where the training had `quantiles`: `{ "0.05": 12.5, … }`. */
      readonly quantiles?: Readonly<Record<string, number>>;
    };

/** An answer for a number with its quantiles. */
export interface QuantileAnswer<Level extends number> {
  /** The number. */
  readonly value: number;
  /** The quantiles by their shares: `{ "0.05": 12.5, … }`. */
  readonly quantiles: Readonly<Record<`${Level}`, number>>;
}

/** An answer for one record: of its target, or by the names of several targets. */
export type RecordAnswer = Answer | Readonly<Record<string, Answer>>;

/** Answers in columns, in the order of the rows. */
export interface ColumnAnswers<Value = ClassValue> {
  readonly value: readonly Value[];
  /** The probability of each class by its name; only for classes. */
  readonly probabilities?: Readonly<Record<string, Float64Array>>;
  /** The quantiles by their shares, where the training had `quantiles`. */
  readonly quantiles?: Readonly<Record<string, Float64Array>>;
}

/** The form that answers have for columns, by the form that they have for a record. */
export type InColumns<Reply> = Reply extends {
  readonly value: infer Value;
  readonly probabilities: infer Classes extends object;
}
  ? {
      readonly value: readonly Value[];
      readonly probabilities: { readonly [Name in keyof Classes]: Float64Array };
    }
  : Reply extends { readonly value: infer Value; readonly quantiles: infer Levels extends object }
    ? {
        readonly value: readonly Value[];
        readonly quantiles: { readonly [Name in keyof Levels]: Float64Array };
      }
    : Reply extends { readonly value: infer Value }
      ? ColumnAnswers<Value>
      : { readonly [Name in keyof Reply]: InColumns<Reply[Name]> };

/** Scores of the target, or by the names of several targets. */
export type ScoresFor<Reply> = Reply extends { readonly value: unknown }
  ? Scores
  : { readonly [Name in keyof Reply]: Scores };

/** The names of a record's fields. */
export type FieldOf<Row> = keyof Row & string;

/** The answer for a field of the records. */
export type AnswerFor<Row, Name extends keyof Row> = Answer<Exclude<Row[Name], null | undefined>>;
