/** The handler of requests, without a server: what each request is answered with. */
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Model } from "../../src/index.ts";
import { type RequestHandlerOptions, requestHandler, type ServedModel } from "../../src/serve/index.ts";
import { both, houses, kinds, network, prices } from "./models.ts";

let priceModel: Awaited<ReturnType<typeof prices>>;
let kindModel: Awaited<ReturnType<typeof kinds>>;
let bothModel: Awaited<ReturnType<typeof both>>;
let numberModel: Model;
beforeAll(async () => {
  [priceModel, kindModel, bothModel, numberModel] = [await prices(), await kinds(), await both(), network()];
});
afterAll(() => {
  for (const model of [priceModel, kindModel, bothModel, numberModel]) model.dispose();
});

const JSON_TYPE = { "content-type": "application/json" };

/** Sends a request to a handler; a body that is not text or bytes becomes JSON. */
async function ask(
  model: ServedModel,
  path: string,
  init: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
  options: RequestHandlerOptions = {},
) {
  const { body } = init;
  const isRaw = body === undefined || typeof body === "string" || body instanceof Uint8Array;
  const request = new Request(`http://localhost${path}`, {
    method: init.method ?? "GET",
    headers: init.headers ?? {},
    ...(body !== undefined && { body: isRaw ? (body as string) : JSON.stringify(body) }),
  });
  const response = await requestHandler(model, options)(request);
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) };
}

const predict = (model: ServedModel, body: unknown, options?: RequestHandlerOptions) =>
  ask(model, "/predict", { method: "POST", headers: JSON_TYPE, body }, options);

/** A row as JSON has it. */
const asJson = (value: unknown) => JSON.parse(JSON.stringify(value));

describe("POST /predict answers in the form of the question", () => {
  test("a record", async () => {
    const { status, headers, json } = await predict(priceModel, houses[3]);
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("application/json");
    expect(json()).toEqual(priceModel.predict(houses[3]));
  });

  test("a list of records, and no records", async () => {
    const { json } = await predict(kindModel, houses.slice(0, 5));
    expect(json()).toEqual(asJson(kindModel.predict(houses.slice(0, 5))));
    expect((await predict(kindModel, [])).json()).toEqual([]);
  });

  test("an object with rows", async () => {
    const { json } = await predict(bothModel, { rows: houses.slice(0, 2) });
    expect(json()).toEqual({ answers: asJson(bothModel.predict(houses.slice(0, 2))) });
    expect((await predict(bothModel, { rows: [] })).json()).toEqual({ answers: [] });
  });

  test("more rows than are answered at a time", async () => {
    const rows = Array.from({ length: 1000 }, (_, row) => houses[row % houses.length]);
    const { json } = await predict(kindModel, { rows });
    expect(json()).toEqual({ answers: asJson(kindModel.predict(rows)) });
  });

  test("a list of numbers, and a list of lists, for a network", async () => {
    expect((await predict(numberModel, [0.2, 0.9])).json()).toEqual(numberModel.predict([0.2, 0.9]));
    const rows = [
      [0.2, 0.9],
      [1, 0],
    ];
    expect((await predict(numberModel, rows)).json()).toEqual(numberModel.predict(rows));
    expect((await predict(numberModel, { rows })).json()).toEqual({ answers: numberModel.predict(rows) });
    expect((await predict(numberModel, [])).json()).toEqual([]);
  });

  test("an empty record, unknown fields and categories, null, and a byte order mark", async () => {
    expect((await predict(priceModel, {})).json()).toEqual(priceModel.predict({}));
    const odd = { area: null, town: "Paris", other: [1, 2] };
    expect((await predict(priceModel, odd)).json()).toEqual(priceModel.predict({ town: "Paris" }));
    expect((await predict(priceModel, "\ufeff{}")).status).toBe(200);
  });

  test("fields beside a complete row, or unlike the missing columns, are ignored", async () => {
    const row = { area: 90, town: "Oslo" };
    expect((await predict(priceModel, { ...row, aera: 3, twon: 1 })).json()).toEqual(priceModel.predict(row));
    const one = { area: 90, id: 7, tow1: "x", year: 1990 };
    expect((await predict(priceModel, one)).json()).toEqual(priceModel.predict({ area: 90 }));
  });

  test("fields named __proto__ and constructor are fields like others", async () => {
    const { status, json } = await predict(priceModel, '{"__proto__":{"area":5},"constructor":1,"area":90}');
    expect(status).toBe(200);
    expect(json()).toEqual(priceModel.predict({ area: 90 }));
    expect(({} as { area?: unknown }).area).toBeUndefined();
  });

  test("a content type with a charset, and one that ends with +json", async () => {
    for (const type of [
      "application/json; charset=utf-8",
      "application/JSON;charset=UTF-8",
      "application/ld+json",
    ]) {
      const init = { method: "POST", headers: { "content-type": type }, body: {} };
      expect((await ask(priceModel, "/predict", init)).status).toBe(200);
    }
  });
});

describe("what cannot be answered gets a status and a reason", () => {
  const cell = 'predict: row 0: column "area": expected a number, received "large"';
  test.each<[what: string, body: unknown, detail: string | RegExp]>([
    ["a wrong cell", { area: "large" }, cell],
    ["a wrong cell in the second row", [{}, { area: "large" }], cell.replace("0", "1")],
    [
      "a wrong cell in a later block",
      [...Array(777).fill({}), { area: "large" }, {}],
      cell.replace("0", "777"),
    ],
    ["a list as a cell", { area: [1, 2] }, /row 0: column "area": expected a number, received an array of 2/],
    [
      "an object as a cell",
      { area: { a: 1 } },
      /row 0: column "area": expected a number, received an object/,
    ],
    [
      "a misspelt column",
      { aera: 90, town: "Oslo" },
      /^predict: row 0: unknown column "aera"\. Did you mean "area"\? Fix: rename the field, or also give "area", null/,
    ],
    ["a misspelt column in a later block", [...Array(777).fill({}), { Twon: "Oslo" }], /row 777: .*"town"/],
    ["a list of numbers", [1, 2], /^predict: row 0: expected a record, received 1/],
    ["null among the records", [{}, null], /^predict: row 1: expected a record, received null/],
    ["null", "null", /^Expected a record, a list of them, or \{ "rows": \[…\] \}, received null\./],
    ["a number", "5", /received 5\./],
    ["no body", undefined, /as JSON: /],
    ["an empty body", "", /as JSON: /],
    ["half of a record", '{"area":', /as JSON: /],
    ["a number that JSON does not have", '{"area": NaN}', /as JSON: /],
    ["bytes that are not UTF-8", Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), /as JSON: it is not UTF-8\./],
    ["fields beside rows", { rows: [], area: 5 }, /without other fields, received "area"\./],
  ])("%s: 400", async (_, body, detail) => {
    const { status, headers, json } = await predict(priceModel, body);
    expect(status).toBe(400);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(json()).toEqual({ title: "Bad Request", status: 400, detail: expect.stringMatching(detail) });
  });

  test.each<[what: string, body: unknown, detail: RegExp]>([
    ["too few numbers", [1], /expected 2 inputs in a row, received 1/],
    ["a word among the numbers", [1, "two"], /received "two"/],
    [
      "too few numbers in a later row",
      [...Array(300).fill([0, 1]), [5]],
      /row 300: expected 2 inputs, received 1/,
    ],
    ["an infinite number", "[1e999, 1]", /expected a finite number, received Infinity/],
    ["a record", { a: 1 }, /^Expected a list of 2 numbers, a list of them, or/],
  ])("%s for a network: 400", async (_, body, detail) => {
    const { status, json } = await predict(numberModel, body);
    expect(json().detail).toMatch(detail);
    expect(status).toBe(400);
  });

  test("JSON of many levels", async () => {
    const deep = "[".repeat(200_000) + "]".repeat(200_000);
    expect((await predict(priceModel, deep)).status).toBe(400);
    expect((await predict(priceModel, `{"area":${deep}}`)).status).toBe(400);
    expect((await predict(numberModel, deep)).status).toBe(400);
    expect((await predict(priceModel, `{"other":${deep}}`)).status).toBe(200);
  });

  test("another path: 404 with the paths that exist", async () => {
    const { status, json } = await ask(priceModel, "/predictions?a=1");
    expect(status).toBe(404);
    expect(json().detail).toBe(
      "There is nothing at this path. Expected one of /predict, /, /health, /openapi.json.",
    );
  });

  test("another method: 405 with those that are possible", async () => {
    const got = await ask(priceModel, "/predict");
    expect([got.status, got.headers.get("allow")]).toEqual([405, "POST"]);
    const posted = await ask(priceModel, "/health", { method: "POST", body: "{}" });
    expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    expect((await ask(priceModel, "/predict", { method: "OPTIONS" })).status).toBe(405);
  });

  test.each([
    ["none", {}],
    ["that of a form", { "content-type": "application/x-www-form-urlencoded" }],
    ["another charset", { "content-type": "application/json; charset=latin1" }],
    ["a name that contains json", { "content-type": "application/jsonp" }],
    ["a compressed body", { ...JSON_TYPE, "content-encoding": "gzip" }],
  ])("a content type, %s: 415", async (_, headers) => {
    const init = { method: "POST", headers: headers as Record<string, string>, body: new Uint8Array(2) };
    expect((await ask(priceModel, "/predict", init)).status).toBe(415);
  });

  test("too many bytes or rows: 413", async () => {
    const bytes = await predict(priceModel, [{ area: 100 }], { maximumBytes: 10 });
    expect([bytes.status, bytes.json().detail]).toEqual([
      413,
      "Expected a body of at most 10 bytes. Fix: send the rows in several requests.",
    ]);
    const rows = await predict(priceModel, [{}, {}, {}], { maximumRows: 2 });
    expect([rows.status, rows.json().detail]).toEqual([
      413,
      "Expected at most 2 rows, received 3. Fix: send them in several requests.",
    ]);
    expect((await predict(priceModel, { rows: [{}, {}] }, { maximumRows: 2 })).status).toBe(200);
  });

  test("an error of the server: 500 without details, which onError receives", async () => {
    const model = network();
    model.dispose();
    const onError = vi.fn();
    const { status, text } = await predict(model, [1, 2], { onError });
    expect(status).toBe(500);
    expect(text).not.toMatch(/disposed/);
    expect(String(onError.mock.calls[0][0])).toMatch(/disposed/);
  });
});

test("no body is an error of the server", async () => {
  const bodies = fc.oneof(
    fc.json({ maxDepth: 3 }),
    fc
      .array(fc.dictionary(fc.constantFrom("area", "town", "garden", "built", "__proto__"), fc.jsonValue()))
      .map((rows) => JSON.stringify(rows)),
    fc.uint8Array(),
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(bodies, fc.constantFrom("priceModel", "numberModel"), async (body, name) => {
      const { status, json } = await predict(name === "priceModel" ? priceModel : numberModel, body);
      expect([200, 400]).toContain(status);
      if (status === 400) expect(json().detail).toMatch(/./);
    }),
    { numRuns: 500 },
  );
});

test("rate: 429 with the seconds to wait, for each client on its own", async () => {
  const client = (request: Request) => request.headers.get("x-client") ?? "";
  const handle = requestHandler(priceModel, { rate: 0.5, client });
  const from = async (name: string) => {
    const headers = { ...JSON_TYPE, "x-client": name };
    const response = await handle(
      new Request("http://localhost/predict", { method: "POST", headers, body: "{}" }),
    );
    return [response.status, response.headers.get("retry-after")];
  };
  expect(await from("a")).toEqual([200, null]);
  expect(await from("a")).toEqual([429, "2"]);
  expect(await from("b")).toEqual([200, null]);
});

describe("CORS", () => {
  const origin = "https://example.com";
  const preflight = { method: "OPTIONS", headers: { origin, "access-control-request-method": "POST" } };

  test("is off by default", async () => {
    const { headers } = await ask(priceModel, "/health", { headers: { origin } });
    expect(headers.get("access-control-allow-origin")).toBeNull();
  });

  test("lets the pages of an origin read answers and problems", async () => {
    const options = { cors: origin };
    for (const body of ["{}", "{"]) {
      const { headers } = await ask(
        priceModel,
        "/predict",
        { method: "POST", headers: { ...JSON_TYPE, origin }, body },
        options,
      );
      expect([headers.get("access-control-allow-origin"), headers.get("vary")]).toEqual([origin, "origin"]);
    }
    const { headers } = await ask(
      priceModel,
      "/health",
      { headers: { origin: "https://evil.test" } },
      options,
    );
    expect([headers.get("access-control-allow-origin"), headers.get("vary")]).toEqual([null, "origin"]);
  });

  test("answers the question that browsers ask before", async () => {
    const { status, text, headers } = await ask(priceModel, "/predict", preflight, { cors: "*" });
    expect([status, text]).toEqual([204, ""]);
    expect(headers.get("access-control-allow-origin")).toBe("*");
    expect(headers.get("access-control-allow-methods")).toBe("POST");
    expect(headers.get("access-control-allow-headers")).toBe("content-type");
  });
});

describe("GET", () => {
  test("/health", async () => {
    const { status, json } = await ask(priceModel, "/health");
    expect([status, json()]).toEqual([200, { status: "ok" }]);
    expect((await ask(priceModel, "/health", { method: "HEAD" })).text).toBe("");
  });

  test("/ tells what there is, with a row that can be sent", async () => {
    const { headers, text } = await ask(priceModel, "/");
    expect(headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(text).toMatch(/^Predicts "price"\.\n\nPOST \/predict {7}a record, a list of up to 10000, or/);
    const example = text.match(/^A row: (.*)$/m)?.[1];
    expect((await predict(priceModel, example)).status).toBe(200);
  });

  test("a base path precedes all paths", async () => {
    const options = { basePath: "/api/prices" };
    const init = { method: "POST", headers: JSON_TYPE, body: {} };
    expect((await ask(priceModel, "/api/prices/predict", init, options)).status).toBe(200);
    for (const path of ["", "/", "/health", "/openapi.json"])
      expect((await ask(priceModel, `/api/prices${path}`, {}, options)).status).toBe(200);
    expect((await ask(priceModel, "/health", {}, options)).status).toBe(404);
  });
});

describe("/openapi.json", () => {
  const models = () => ({ priceModel, kindModel, bothModel, numberModel });

  test.each(["priceModel", "kindModel", "bothModel", "numberModel"] as const)(
    "is valid OpenAPI 3.1, and true of questions and answers: %s",
    async (name) => {
      const model = models()[name];
      const { json } = await ask(model, "/openapi.json");
      const description = json();
      const { valid, errors } = await new Validator().validate(structuredClone(description));
      expect(errors ?? []).toEqual([]);
      expect(valid).toBe(true);
      const { post } = description.paths["/predict"];
      const ajv = new Ajv2020({ strict: false });
      ajv.addSchema({ $id: "api", components: description.components });
      const check = (schema: object, value: unknown) => {
        const text = JSON.stringify(schema).replaceAll('"#/', '"api#/');
        const validate = ajv.compile(JSON.parse(text));
        validate(value);
        expect(validate.errors ?? []).toEqual([]);
      };
      const asked = post.requestBody.content["application/json"];
      const rows = model === numberModel ? [[1, 2]] : asJson(houses.slice(0, 3));
      for (const question of [asked.example, rows[0], rows, { rows }]) {
        check(asked.schema, question);
        const { status, json } = await predict(model, question);
        expect(status).toBe(200);
        check(post.responses[200].content["application/json"].schema, json());
      }
      const bad = await predict(model, "{");
      check(post.responses[400].content["application/problem+json"].schema, bad.json());
    },
  );

  test("describes each column with its type", async () => {
    const { json } = await ask(priceModel, "/openapi.json");
    const { properties } = json().components.schemas.Row;
    expect(Object.keys(properties)).toEqual(["area", "town", "garden", "built"]);
    expect(properties.area.type).toEqual(["number", "null"]);
    expect(properties.area.description).toBe("A number; 41 to 155 in training.");
    expect(properties.town.examples.toSorted()).toEqual(["Bergen", "Bodø", "Oslo"]);
    expect(properties.built.description).toMatch(/1950-01-01 to 20\d\d-01-01 in training/);
  });
});

describe("an option is refused, with what was expected", () => {
  test.each<[options: object, message: string]>([
    [{ maximumRows: 0 }, "requestHandler: maximumRows: expected a whole number of at least 1, received 0"],
    [
      { maximumBytes: 1.5 },
      "requestHandler: maximumBytes: expected a whole number of at least 1, received 1.5",
    ],
    [{ rate: 0 }, "requestHandler: rate: expected a finite number above 0, received 0"],
    [{ cors: "example.com" }, 'requestHandler: cors: expected an origin such as "https://example.com"'],
    [{ basePath: "api" }, 'requestHandler: basePath: expected a path such as "/api/prices"'],
    [{ onError: "log" }, "requestHandler: onError: expected a function"],
    [{ client: "ip" }, "requestHandler: client: expected a function"],
    [{ maximumRow: 5 }, 'requestHandler: unknown option "maximumRow". Did you mean "maximumRows"?'],
  ])("%o", (options, message) => {
    expect(() => requestHandler(priceModel, options)).toThrow(message);
  });

  test("what is not a model", () => {
    expect(() => requestHandler({} as ServedModel)).toThrow(
      "requestHandler: expected a TableModel or a Model, received an object (Object)",
    );
  });
});
