// Builds the WebAssembly kernel: src/kernel/myelin.wasm for hosts with relaxed SIMD, and
// src/kernel/myelin-unfused.wasm for the others. setup.js runs this in a process of its own, after it has
// installed the dependencies.
import { spawnSync } from "node:child_process";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import binaryen from "binaryen";
import { wasmToolchain } from "./toolchain.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const targetFolder = join(root, "target", "wasm");
const target = "wasm32-unknown-unknown";
const { Features: has } = binaryen;

/** What every host with WebAssembly and 128-bit SIMD has. */
const FEATURES =
  has.SIMD128 |
  has.BulkMemory |
  has.BulkMemoryOpt |
  has.MutableGlobals |
  has.SignExt |
  has.NontrappingFPToInt |
  has.Multivalue |
  has.ReferenceTypes;

/** The export whose body decides how a multiply-add rounds: see crates/core/src/engine/simd/wasm.rs. */
const MULTIPLY_ADD = "multiply_add";

/** A multiply-add that hosts may fuse. */
const FUSED = `(module (func $${MULTIPLY_ADD} (param v128 v128 v128) (result v128)
  (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2))))`;

const compiled = compile();
write("myelin.wasm", optimized(compiled, FEATURES | has.RelaxedSIMD, fuse));
write(
  "myelin-unfused.wasm",
  optimized(compiled, FEATURES, () => {}),
);

function compile() {
  const toolchain = wasmToolchain();
  if (toolchain.reason) throw new Error(toolchain.reason);
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), ".cargo");
  const flags = [
    "-Ctarget-feature=+simd128",
    // A trap leaves the stack where it was. The caller then restores its start.
    "-Clink-arg=--export=__stack_pointer",
    // Panic messages contain source paths. The module must not reveal paths of the machine that built it.
    `--remap-path-prefix=${cargoHome}=cargo`,
    `--remap-path-prefix=${root}=.`,
    ...toolchain.sources.map((path) => `--remap-path-prefix=${path}=rust`),
  ];
  const build = ["build", "--profile", "wasm", "--target", target, "--package", "myelin-wasm", "--locked"];
  const { status, error } = spawnSync(
    "cargo",
    [...build, "--target-dir", targetFolder, ...toolchain.arguments],
    {
      cwd: root,
      stdio: "inherit",
      env: { ...process.env, ...toolchain.environment, CARGO_ENCODED_RUSTFLAGS: flags.join("\x1f") },
    },
  );
  if (status !== 0) throw error ?? new Error(`cargo ended with ${status}`);
  return readFileSync(join(targetFolder, target, "wasm", "myelin_wasm.wasm"));
}

function optimized(bytes, features, change) {
  const module = binaryen.readBinary(bytes);
  module.setFeatures(features);
  change(module);
  module.removeExport(MULTIPLY_ADD);
  binaryen.setOptimizeLevel(2);
  binaryen.setShrinkLevel(1);
  // Inlines the multiply-add and functions as small. V8 compiles a function again, with optimizations, for its next
  // call: a loop that became part of a function that is called once would stay four times as slow.
  binaryen.setAlwaysInlineMaxSize(6);
  binaryen.setFlexibleInlineMaxSize(6);
  binaryen.setOneCallerInlineMaxSize(6);
  module.optimize();
  if (!module.validate()) throw new Error("the optimized module is not valid");
  return module.emitBinary();
}

function fuse(module) {
  const count = module.getNumExports();
  const exported = Array.from({ length: count }, (_, at) =>
    binaryen.getExportInfo(module.getExportByIndex(at)),
  );
  const { value } = exported.find(({ name }) => name === MULTIPLY_ADD);
  const { body } = binaryen.getFunctionInfo(binaryen.parseText(FUSED).getFunction(MULTIPLY_ADD));
  const { params, results } = binaryen.getFunctionInfo(module.getFunction(value));
  module.removeFunction(value);
  module.addFunction(value, params, results, [], module.copyExpression(body));
}

// A rename keeps the old file whole for processes that are reading it.
function write(name, bytes) {
  const file = join(root, "src", "kernel", name);
  writeFileSync(`${file}.new`, bytes);
  renameSync(`${file}.new`, file);
}
