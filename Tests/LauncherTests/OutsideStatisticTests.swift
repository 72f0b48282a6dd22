import ChexGenLua
import Files
import Foundation
import Imaging
import Launcher
import LuaRuntime
import Metrics
import Results
import Runs
import TestSupport
import Testing

/// A statistic from outside the program: one file and one entry. How far the sizes of the two sets agree.
private struct SizeOverlap: Statistic {
    let name = "size-overlap"
    let column = "Size overlap"
    let about = "The smaller set's share of the larger one."
    let direction = StatisticDirection.higher
    let input = StatisticInput.features
    let sizeBias = SizeBias.none

    func estimator(_ settings: StatisticSettings) -> String { "plain" }
    func leastRows(_ settings: StatisticSettings) -> Int { 1 }

    func value(_ sample: Sample, _ settings: StatisticSettings) throws -> Double {
        Double(min(sample.realCount, sample.syntheticCount)) / Double(max(sample.realCount, sample.syntheticCount))
    }
}

/// One with settings of its own, which the program has never heard of: the size of radiomic features, to a power and times a factor.
private struct PoweredSize: Statistic {
    static let power = StatisticSetting(
        "power", parameter: "size_power", default: 1.0, in: 0.5...4, "The power that a size is raised to.")
    static let factor = StatisticSetting("factor", default: 2, in: 1...10, "What the powered size is multiplied by.")

    let name = "powered-size"
    let column = "Powered size"
    let about = "How many images there are, to a power."
    let direction = StatisticDirection.higher
    let input = StatisticInput.radiomics
    let sizeBias = SizeBias.none
    let ownSettings = [power, factor]

    func estimator(_ settings: StatisticSettings) -> String { "plain" }
    func leastRows(_ settings: StatisticSettings) -> Int { 1 }

    func value(_ sample: Sample, _ settings: StatisticSettings) throws -> Double {
        (0..<settings.whole(Self.factor)).reduce(0.0) { sum, _ in
            sum + pow(Double(sample.syntheticCount), settings.number(Self.power))
        }
    }
}

@Suite struct OutsideStatisticTests {
    /// A setting is declared once: options of functions, parameters of experiments, their texts and bounds, and identities follow.
    @Test func aSettingIsADeclaration() throws {
        let scratch = try Scratch()
        var known = StatisticRegistry.standard
        try known.add(PoweredSize())
        for (name, first) in [("real", 0), ("synthetic", 4)] {
            var table = "path,annotated_prompt\n"
            for index in first..<first + 4 {
                let pixels = (0..<400).map { UInt8(truncatingIfNeeded: ($0 * $0 * (index + 3) + 7 * $0) / 11) }
                try Image(width: 20, height: 20, mode: .gray, pixels: pixels).save("\(scratch.path)/\(index).png")
                table += "\(index).png,film \(index)\n"
            }
            try scratch.write(name + ".csv", table)
        }
        try scratch.write(
            "late.lua",
            """
            require "chexgen.metric".register { name = "late", column = "Late", input = "radiomics",
              settings = { { name = "depth", default = 1, low = 1, high = 5 } }, value = function(_, _, given) return given.depth end }
            """)

        var options = LuaOptions()
        options.searchFolders = [Places.package + "/lua", scratch.path]
        options.writableFolders = [scratch.path]
        let session = try Session(options, statistics: known)
        defer { session.host.close() }
        let values = try session.host.run(
            """
            local fidelity, metric, help = require "chexgen.fidelity", require "chexgen.metric", require "chexgen.help"
            local function table_of(name)
              return { csv = "\(scratch.path)/" .. name, image_dir = "\(scratch.path)", image = "path", prompt = "annotated_prompt" }
            end
            local row
            local run = { seed = 7, log = function() end, record = function(_, found) row = found end,
              artifact = function(_, name) return "\(scratch.path)/radiomics-" .. name:match "[^/]+$" end }
            local standard = fidelity.params()
            local function study(own)
              run.params = {}
              for key, value in pairs(standard) do run.params[key] = value end
              run.params.protocol, run.params.bootstrap, run.params.floor_splits = "exact", 0, 0
              run.params.real, run.params.synthetic = table_of "real.csv", table_of "synthetic.csv"
              for key, value in pairs(own) do run.params[key] = value end
              local study = fidelity.open(run)
              study:embed()
              study:record((study:measure()))
              return row
            end
            local function says(own, text)
              local ok, message = pcall(study, own)
              return not ok and message:find(text, 1, true) ~= nil
            end
            local told = { help.texts.size_power, tostring(standard.factor), tostring(metric.defaults.power), tostring(metric.bounds.factor[2]) }
            local first = study({})
            local function radiomics(side) return metric.load_radiomics("\(scratch.path)/radiomics-" .. side .. ".csv") end
            local direct = metric.measure(radiomics "real", radiomics "synthetic",
              { statistics = { "powered-size" }, power = 0.5, factor = 3, replicates = 0, floor_splits = 0 })["powered-size"].value
            local other = study { size_power = 2.0, factor = 3 }
            local late = study { modules = { "late" }, settings = { depth = 4 } }
            return table.concat(told, "; "), other["Powered size identity"], late["Late identity"],
              first["Powered size"], direct, other["Powered size"], late["Late"],
              says({ size_power = 5 }, "params.size_power: wanted 0.5 to 4.0, got 5"), says({ factor = 1.5 }, "params.factor: wanted an integer"),
              says({ settings = { depth = 9 } }, "params.settings.depth: wanted an integer of 1 to 5, got 9"),
              says({ settings = { power = 2 } }, "params.settings.power: is no setting")
            """, name: "study")
        let texts = values.compactMap(\.stringValue)
        #expect(texts.first == "the power that a size is raised to; 2; 1.0; 10")
        #expect(texts.dropFirst().first?.contains("details.factor=3; details.power=2.0") == true, "\(texts)")
        #expect(texts.last?.contains("depth=4") == true, "\(texts)")
        #expect(values.compactMap(\.numberValue) == [8, 6, 48, 4])
        #expect(values.compactMap(\.booleanValue) == [true, true, true, true])
    }

    /// Everything that knows statistics knows it: the list, the measurer, and the page of a run, which says its better end; so it
    /// is with a statistic that a script registers, and with a number whose direction a script records.
    @Test func aStatisticIsAFileAndAnEntry() throws {
        let scratch = try Scratch()
        var known = StatisticRegistry.standard
        try known.add(SizeOverlap())
        let session = try Session(LuaOptions(), statistics: known)
        defer { session.host.close() }
        try scratch.write("x.lua", "return {}")
        try scratch.write("x.yaml", "experiment: x.lua\n")
        let plan = try RunPlan(
            config: RunConfig.load(scratch.path + "/x.yaml"), defaults: .object([]),
            program: ProgramIdentity(version: "0.1", build: "built", library: nil))
        let folder = try RunFolder.create(
            at: scratch.path + "/run", plan: plan, command: ["chexgen"], console: Console(quiet: true))
        let cell = try #require(folder.remainingCells.first)
        try folder.begin(cell)
        let returned = try session.host.run(
            """
            local metric, tensor = require "chexgen.metric", require "chexgen.tensor"
            metric.register { name = "agreement", column = "Agreement", direction = "higher", value = function() return 0.5 end }
            return function(run)
              local features = tensor.rand({ 8, 3 }, tensor.generator(1))
              local found = metric.measure(features, features:narrow(1, 1, 6), { statistics = { "size-overlap", "agreement", "fid" },
                replicates = 0, floor_splits = 0, identity = { encoder = "e", weights = "none", preprocessing = "p", output = "o",
                dtype = "f32", device = "cpu" } })
              local row = { ["Score"] = 0.5, ["Score direction"] = "lower", ["Other"] = 0.5 }
              for name, column in pairs { ["size-overlap"] = "Size overlap (E)", agreement = "Agreement (E)", fid = "Distance" } do
                row[column], row[column .. " identity"] = found[name].value, found[name].identity
              end
              run:record(row)
            end
            """, name: "record")
        guard case .function(let record)? = returned.first else {
            Issue.record("the script gave no function")
            return
        }
        _ = try record.call([.object(RunObject(session: session.context, folder: folder, cell: cell))])
        try folder.finish(cell)
        try folder.finish(exit: .done)
        let run = try RunResults(scratch.path + "/run")
        #expect(run.table.number(0, "Size overlap (E)")?.value == 0.75)
        let directions = run.table.measures.map { "\($0.column): \($0.direction?.rawValue ?? "unknown")" }
        #expect(
            directions.sorted() == [
                "Agreement (E): higher", "Distance: lower", "Other: unknown", "Score: lower",
                "Size overlap (E): higher",
            ])
        #expect(ReportPage([run]).text().contains("higher is better"))
        #expect(try !scratch.text("run/results.csv").contains(" direction"))
    }
}
