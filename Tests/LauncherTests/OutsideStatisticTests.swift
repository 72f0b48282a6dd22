import ChexGenLua
import Files
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

@Suite struct OutsideStatisticTests {
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
