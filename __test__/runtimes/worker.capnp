# Runs a bundle in workerd: workerd test worker.capnp
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (services = [(name = "main", worker = .main)]);

const main :Workerd.Worker = (
  modules = [
    (name = "bundle.js", esModule = embed "bundle.js"),
    (name = "myelin.wasm", wasm = embed "node_modules/myelin/dist/kernel/myelin.wasm"),
  ],
  compatibilityDate = "2026-10-01",
);
