import Files
import Foundation
import Runs
import TestSupport
import Testing

@Suite struct RunConfigTests {
    let defaults = JSON.object([
        ("batch", .integer(16)), ("guidance_scale", .number(7.5)), ("protocol", .string("chexgenbench")),
        ("shuffle", .boolean(true)), ("encoders", .object([])), ("pathologies", .null),
        ("sizes", .array([.integer(1)])),
        ("real", .object([("csv", .string("")), ("image", .string("path"))])),
    ])

    @Test func theConfigsOwnKeysAreChecked() throws {
        let scratch = try Scratch()
        let cases: [(String, String)] = [
            ("sead: 3", "fidelity.yaml:2:1: unknown key `sead` in the config; did you mean `seed`?"),
            ("seed: x", "fidelity.yaml:2:7: `seed` must be an integer"), ("seed: -1", "`seed` must be"),
            ("seed: 4294967296", "`seed` must be"), ("threads: 0", "`threads` must be"), ("dtype: f31", "one of f32"),
            ("params: [1]", "must be a map of parameters"), ("sweep: 3", "`sweep` must be"),
            ("pins: {a: b}", "the pin of a must be a SHA-256"), ("limits: {second: 3}", "did you mean `seconds`"),
            ("limits: {seconds: 1e300}", "at most 1000000000"), ("limits: {seconds: 0}", "above 0"),
            ("limits: {seconds: 9000000000}", "at most 1000000000"), ("limits: {seconds: .nan}", "above 0"),
            ("limits: {seconds: soon}", "above 0"),
            ("experiment: x.lua", "given twice"),
        ]
        for (yaml, wanted) in cases {
            let body: () throws -> Void = { _ = try scratch.plan(yaml) }
            #expect(message(body).contains(wanted), "\(yaml): \(message(body))")
            #expect(exitStatus(body) == .usage)
        }
        try scratch.write("empty.yaml", "seed: 1")
        #expect(message { _ = try RunConfig.load(scratch.path + "/empty.yaml") }.contains("`experiment` is missing"))
        #expect(exitStatus { _ = try RunConfig.load(scratch.path + "/none.yaml") } == .usage)
        #expect(exitStatus { _ = try RunConfig.load(scratch.path) } == .usage)
    }

    @Test func parametersKeepTheTypeOfTheirDefaults() throws {
        let scratch = try Scratch()
        let plan = try scratch.plan(
            """
            params:
              guidance_scale: 3
              encoders: {inception-v3: {weights: w.pth}}
              pathologies: all
              sizes: [a, 2]
              real: {csv: x.csv}
            """, defaults: defaults)
        #expect(plan.params["guidance_scale"] == .number(3))
        #expect(plan.params["batch"] == .integer(16))
        #expect(plan.params["encoders"]?["inception-v3"]?["weights"] == .string("w.pth"))
        #expect(plan.params["pathologies"] == .string("all"))
        #expect(plan.params["real"]?["image"] == .string("path"))
        let wrong: [(String, String)] = [
            ("bach: 3", "fidelity.yaml:3:3: unknown parameter `bach` in `params`; did you mean `batch`?"),
            ("batch: 1.5", "fidelity.yaml:3:10: `batch` must be an integer, not a number (1.5)"),
            ("batch: ~", "`batch` must be an integer, not nothing"), ("batch: \"3\"", "not a string"),
            ("protocol: 1e3", "`protocol` must be a string, not a number (1000.0); put it in quotes"),
            ("shuffle: yes", "must be true or false"), ("guidance_scale: [1]", "must be a number, not a list"),
            ("encoders: x", "must be a map or a list"), ("real: {cvs: x}", "in `real`; did you mean `csv`?"),
            ("real: 3", "must be a map with the keys csv, image"), ("sizes: 3", "`sizes` must be a list"),
        ]
        for (yaml, wanted) in wrong {
            let body: () throws -> Void = { _ = try scratch.plan("params:\n  \(yaml)", defaults: defaults) }
            #expect(message(body).contains(wanted), "\(yaml): \(message(body))")
            #expect(exitStatus(body) == .usage)
        }
        #expect(message { _ = try scratch.plan("params: {a: 1}") }.contains("unknown parameter `a`"))
    }

    @Test func setsLieOverTheFile() throws {
        let scratch = try Scratch()
        let plan = try scratch.plan(
            "params: {batch: 2}\nseed: 1", defaults: defaults,
            sets: ["params.batch=4", "seed=7", "real.csv=a b.csv", "encoders.x={dtype: bf16}", "guidance_scale=1e-3"])
        #expect(plan.params["batch"] == .integer(4))
        #expect(plan.config.seed == 7)
        #expect(plan.params["real"]?["csv"] == .string("a b.csv"))
        #expect(plan.params["encoders"]?["x"]?["dtype"] == .string("bf16"))
        #expect(plan.params["guidance_scale"] == .number(1e-3))
        let wrong: [(String, String)] = [
            ("batch", "--set batch: wanted path.to.key=value"), ("bach=3", "--set bach=3: unknown parameter `bach`"),
            ("batch=x", "--set batch=x: `batch` must be an integer"), ("a..b=1", "is empty"),
            ("batch=[1", "--set batch=[1: "), ("batch.x=1", "must be an integer, not a map"),
            ("seed=x", "`seed` must be"),
        ]
        for (set, wanted) in wrong {
            let got = message { _ = try scratch.plan("params: {}", defaults: defaults, sets: [set]) }
            #expect(got.contains(wanted), "\(set): \(got)")
        }
    }

    /// One mistake does not hide the others.
    @Test func allThatIsWrongIsToldTogether() throws {
        let scratch = try Scratch()
        let keys = message {
            _ = try scratch.plan(
                "sead: 1\nseed: x\nthreads: 0\ndtype: f31\nlimits: {memory_mb: x, second: 1, seconds: -1}\nparams: [1]")
        }
        for part in [
            "8 problems", "`sead`", "`seed` must", "`threads` must", "`dtype` must", "`memory_mb` must", "`second`",
            "`seconds` must", "`params` must",
        ] { #expect(keys.contains(part), "\(part): \(keys)") }
        let body: () throws -> Void = {
            _ = try scratch.plan(
                "params: {bach: 1, shuffle: 3, real: {csv: 1, imag: x}}\nsweep: {batch: [x, 1.5]}", defaults: defaults)
        }
        for part in ["6 problems", "`bach`", "`shuffle` must", "`real.csv` must", "`imag`", "(x)", "(1.5)"] {
            #expect(message(body).contains(part), "\(part): \(message(body))")
        }
        #expect(exitStatus(body) == .usage)
    }

    /// A name that a key of the run and a parameter share is never taken for one of them.
    @Test func namesThatMayMeanEitherAreErrors() throws {
        let scratch = try Scratch()
        let both = JSON.object([("dtype", .string("bf16")), ("seed", .integer(1)), ("n", .integer(1))])
        for (yaml, sets, place) in [
            ("", ["dtype=f64"], "--set dtype=f64: "), ("", ["seed=7"], "--set seed=7: "),
            ("sweep: {dtype: [f32]}", [], "fidelity.yaml:2:"), ("sweep: [{seed: 3}]", [], "fidelity.yaml:2:"),
        ] {
            let got = message { _ = try scratch.plan(yaml, defaults: both, sets: sets) }
            #expect(got.contains(place) && got.contains("`params.") && got.contains("`run."), "\(got)")
        }
        let plan = try scratch.plan(
            "sweep: {params.seed: [5], run.dtype: [f64]}", defaults: both,
            sets: ["params.dtype=f16", "run.seed=9", "run.threads=1"])
        let cell = try #require(plan.cells.first)
        #expect(cell.params["dtype"] == .string("f16") && cell.params["seed"] == .integer(5))
        #expect(cell.seed == 9 && cell.dtype == "f64" && plan.threads == 1)
        // A parameter called `run` is none of the run's keys.
        let run = JSON.object([("run", .object([("seed", .integer(1))]))])
        let got = message { _ = try scratch.plan("", defaults: run, sets: ["run.seed=9"]) }
        #expect(got.contains("`params.run.seed` for the parameter, `seed`"), "\(got)")
    }

    @Test func sweepsAreProductsWithTheLastKeyFastest() throws {
        let scratch = try Scratch()
        let plan = try scratch.plan("sweep: {guidance_scale: [1, 4.5], batch: [10, 20], seed: [3]}", defaults: defaults)
        #expect(
            plan.cells.map(\.label) == [
                "guidance_scale=1 batch=10 seed=3", "guidance_scale=1 batch=20 seed=3",
                "guidance_scale=4.5 batch=10 seed=3", "guidance_scale=4.5 batch=20 seed=3",
            ])
        #expect(plan.cells[0].params["guidance_scale"] == .number(1))
        #expect(plan.cells[1].seed == 3)
        #expect(Set(plan.cells.map(\.name)).count == 4)
        let again = try scratch.plan(
            "sweep: [{batch: 20, guidance_scale: 1.0, seed: 3}, {real.csv: x}]", defaults: defaults)
        #expect(again.cells[0].name == plan.cells[1].name)
        #expect(again.cells[1].params["real"]?["csv"] == .string("x"))
        #expect(try scratch.plan("", defaults: defaults).cells.count == 1)
        let wrong: [(String, String)] = [
            ("sweep: {bach: [1]}", "fidelity.yaml:2:16: unknown parameter `bach` in `params`; did you mean `batch`?"),
            ("sweep: {batch: 3}", "`sweep.batch` must be a list"), ("sweep: {batch: []}", "no cell is left"),
            ("sweep: []", "empty list"), ("sweep: [1]", "must be a map"), ("sweep: {batch: [1, 1]}", "are the same"),
            ("sweep: {batch: [x]}", "`batch` must be an integer"),
        ]
        for (yaml, wanted) in wrong {
            let got = message { _ = try scratch.plan(yaml, defaults: defaults) }
            #expect(got.contains(wanted), "\(yaml): \(got)")
        }
        let list = "[" + (0..<400).map(String.init).joined(separator: ",") + "]"
        let huge = "sweep: {batch: \(list), seed: \(list), guidance_scale: \(list)}"
        #expect(message { _ = try scratch.plan(huge, defaults: defaults) }.contains("more than 100000 cells"))
    }

    @Test func aScriptAloneIsAConfig() throws {
        let scratch = try Scratch()
        let script = try scratch.write("x.lua", "return {}")
        let config = try RunConfig(experiment: script, sets: ["batch=3", "seed=9"])
        #expect(config.experiment == script)
        let plan = try RunPlan(config: config, defaults: defaults, program: program("1"))
        #expect(plan.params["batch"] == .integer(3))
        #expect(plan.cells[0].seed == 9)
    }
}
