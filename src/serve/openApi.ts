/** The OpenAPI 3.1 description of a service. */
import { version } from "../version.ts";
import type { RequestSettings } from "./options.ts";
import { PROBLEMS, type ProblemStatus } from "./problem.ts";
import type { Schema } from "./schemas.ts";
import type { Served } from "./served.ts";

/** The problems that a prediction may have. */
const OF_PREDICTIONS: readonly ProblemStatus[] = [400, 413, 415, 429, 500];

const reference = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const listOf = (items: Schema): Schema => ({ type: "array", items });
const named = (name: string, schema: Schema): Schema => ({
  type: "object",
  properties: { [name]: schema },
  required: [name],
  additionalProperties: false,
});

const content = (type: string, schema: Schema, example?: unknown) => ({
  content: { [type]: { schema, ...(example !== undefined && { example }) } },
});

/** Returns the description, which follows from the model and the limits of the service. */
export function openApi(served: Served, { basePath, maximumRows, maximumBytes }: RequestSettings): object {
  const rows = { ...listOf(reference("Row")), maxItems: maximumRows };
  const question = { anyOf: [reference("Row"), rows, named("rows", rows)] };
  const answers = listOf(reference("Answer"));
  const answer = { anyOf: [reference("Answer"), answers, named("answers", answers)] };
  const problems = OF_PREDICTIONS.map((status) => [
    status,
    { description: PROBLEMS[status], ...content("application/problem+json", reference("Problem")) },
  ]);
  return {
    openapi: "3.1.0",
    info: { title: served.title, version },
    servers: [{ url: basePath === "" ? "/" : basePath }],
    paths: {
      "/predict": {
        post: {
          operationId: "predict",
          summary: served.title,
          description: `Takes a row, a list of rows, or { "rows": […] }, and answers in the same form. At most ${maximumRows} rows and ${maximumBytes} bytes.`,
          requestBody: { required: true, ...content("application/json", question, served.example) },
          responses: {
            200: { description: "The answers", ...content("application/json", answer) },
            ...Object.fromEntries(problems),
          },
        },
      },
      "/health": {
        get: {
          operationId: "health",
          summary: "Tells that the service answers",
          responses: {
            200: {
              description: "It does",
              ...content("application/json", named("status", { const: "ok" })),
            },
          },
        },
      },
    },
    components: {
      schemas: {
        Row: served.rowSchema,
        Answer: served.answerSchema,
        Problem: {
          type: "object",
          description: "Problem details (RFC 9457)",
          properties: {
            title: { type: "string" },
            status: { type: "integer" },
            detail: { type: "string" },
          },
          required: ["title", "status", "detail"],
        },
      },
    },
  };
}

/** Returns a command that asks for the prediction of the example. */
export function curlExample(served: Served, url: string): string {
  // Within single quotes a shell reads every character but the quote itself.
  const json = JSON.stringify(served.example).replaceAll("'", `'\\''`);
  return `curl ${url}/predict -H 'content-type: application/json' -d '${json}'`;
}

/** Returns what the service tells at its address. */
export function welcome(served: Served, { basePath, maximumRows }: RequestSettings): string {
  const lines = [
    `${served.title}.`,
    "",
    `POST ${basePath}/predict       ${served.rowName}, a list of up to ${maximumRows}, or { "rows": […] }, as application/json`,
    `GET  ${basePath}/health        whether the service answers`,
    `GET  ${basePath}/openapi.json  what a row and an answer contain, as OpenAPI 3.1`,
    "",
    `A row: ${JSON.stringify(served.example)}`,
  ];
  return `${lines.join("\n")}\n`;
}
