import Files
import Foundation
import Runs
import TestSupport
import Testing

@Suite struct RunFolderTests {
    func create(_ scratch: Scratch, _ plan: RunPlan, _ name: String = "run") throws -> RunFolder {
        try RunFolder.create(
            at: scratch.path + "/" + name, plan: plan, command: ["chexgen", "run"], console: quietConsole)
    }

    func resume(_ scratch: Scratch, _ plan: RunPlan, _ name: String = "run") throws -> RunFolder {
        try RunFolder.resume(scratch.path + "/" + name, plan: plan, command: ["chexgen"], console: quietConsole)
    }

    @Test func resultsHoldTheRowsAndNothingElse() throws {
        let scratch = try Scratch()
        let plan = try scratch.plan("sweep: {seed: [1, 2]}")
        let folder = try create(scratch, plan)
        for cell in folder.remainingCells {
            try folder.begin(cell)
            try folder.record([("fid", .number(54.2)), ("name", .string("a,b\"c"))], cell: cell)
            #expect(try scratch.text("run/results.csv").contains("54.2"))
            try folder.record([("fid", .number(.nan)), ("n", .integer(3)), ("ok", .boolean(true))], cell: cell)
            try folder.finish(cell)
        }
        try folder.finish(exit: .done)
        #expect(
            try scratch.text("run/results.csv") == """
                seed,fid,name,n,ok
                1,54.2,"a,b""c",,
                1,nan,,3,True
                2,54.2,"a,b""c",,
                2,nan,,3,True

                """)
        #expect(
            try scratch.text("run/results.jsonl").hasPrefix(
                "{\"seed\":1,\"fid\":54.2,\"name\":\"a,b\\\"c\"}\n{\"seed\":1,\"fid\":\"NaN\""))
        let config = try scratch.text("run/run.yaml")
        #expect(config.contains("fidelity.lua") && config.contains("pins:") && config.contains("seed: 42"))
        #expect(try scratch.text("run/run.json").contains("\"exit\": 0"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/run/inputs").count == 2)
        let names = try FileManager.default.contentsOfDirectory(atPath: scratch.path)
        #expect(Set(names) == ["fidelity.lua", "fidelity.yaml", "run"])
    }

    /// Which values are better is for readers of the lines; a column of a script's own that sounds alike is a column.
    @Test func directionsStandInTheLinesAlone() throws {
        let scratch = try Scratch()
        let folder = try create(scratch, try scratch.plan())
        let cell = folder.plan.cells[0]
        try folder.begin(cell)
        try folder.record(
            [
                ("BLEU", .number(0.5)), ("BLEU low", .number(0.25)), ("BLEU direction", .string("higher")),
                ("Wind direction", .string("north")),
            ], cell: cell)
        try folder.finish(cell)
        #expect(try scratch.text("run/results.csv") == "BLEU,BLEU low,Wind direction\n0.5,0.25,north\n")
        #expect(try scratch.text("run/results.jsonl").contains("\"BLEU direction\":\"higher\""))
        #expect(try !scratch.text("run/results_long.csv").contains("BLEU direction"))
    }

    @Test func columnsWithoutAValueAreLeftOutOfTheTable() throws {
        let scratch = try Scratch()
        let folder = try create(scratch, try scratch.plan())
        let cell = folder.plan.cells[0]
        try folder.begin(cell)
        let first: [(String, JSON)] = [("KID", .null), ("FID", .integer(1)), ("Empty", .null), ("Note", .string(""))]
        try folder.record(first, cell: cell)
        #expect(try scratch.text("run/results.csv") == "FID,Note\n1,\"\"\n")
        // A column keeps the place where it was declared first.
        try folder.record([("KID", .number(0.5)), ("FID", .null), ("Late", .integer(2))], cell: cell)
        try folder.finish(cell)
        #expect(try scratch.text("run/results.csv") == "KID,FID,Note,Late\n,1,\"\",\n0.5,,,2\n")
        #expect(try scratch.text("run/results.jsonl").hasPrefix("{\"KID\":null,\"FID\":1,"))
        #expect(!FileManager.default.fileExists(atPath: scratch.path + "/run/results_long.csv"))
    }

    @Test func rowsAreChecked() throws {
        let scratch = try Scratch()
        let folder = try create(scratch, try scratch.plan())
        let cell = folder.plan.cells[0]
        #expect(message { try folder.record([("a", .null)], cell: cell) }.contains("is not running"))
        try folder.begin(cell)
        #expect(message { try folder.record([], cell: cell) }.contains("at least one column"))
        #expect(message { try folder.record([("a", .null), ("a", .null)], cell: cell) }.contains("given twice"))
        #expect(message { try folder.record([("", .null)], cell: cell) }.contains("empty name"))
    }

    @Test func aResumedCellMustRecordTheSameRows() throws {
        let scratch = try Scratch()
        let plan = try scratch.plan("sweep: {seed: [1, 2, 3]}")
        let cells = plan.cells
        do {
            let folder = try create(scratch, plan)
            try folder.begin(cells[0])
            try folder.record([("a", .integer(1))], cell: cells[0])
            try folder.finish(cells[0])
            try folder.begin(cells[1])
            try folder.record([("a", .integer(2))], cell: cells[1])
            try folder.fail(cells[1], "boom")
            try folder.begin(cells[2])
            try folder.record([("a", .integer(3))], cell: cells[2])
            try folder.record([("a", .integer(4))], cell: cells[2])
        }
        let folder = try resume(scratch, plan)
        #expect(folder.isResumed)
        #expect(folder.state(of: cells[0]) == .done)
        #expect(folder.state(of: cells[1]) == .failed("boom"))
        #expect(folder.state(of: cells[2]) == .interrupted)
        #expect(folder.remainingCells.map(\.index) == [1, 2])
        try folder.begin(cells[2])
        #expect(
            message { try folder.record([("a", .integer(9))], cell: cells[2]) }
                .contains("not deterministic: row 1 differs: a: 3 before it was stopped, 9 now"))
        try folder.record([("a", .integer(3))], cell: cells[2])
        #expect(
            message { try folder.finish(cells[2]) }.contains("2 rows were recorded before it was stopped, and 1 now"))
        try folder.record([("a", .integer(4))], cell: cells[2])
        try folder.finish(cells[2])
        try folder.begin(cells[1])
        try folder.record([("a", .integer(2))], cell: cells[1])
        try folder.record([("b", .integer(5))], cell: cells[1])
        try folder.finish(cells[1])
        try folder.finish(exit: .done)
        #expect(try scratch.text("run/results.csv") == "seed,a,b\n1,1,\n2,2,\n2,,5\n3,3,\n3,4,\n")
        #expect(try scratch.text("run/run.json").contains("\"exit\": \"killed\""))
    }

    @Test func resumingRefusesWhatChanged() throws {
        let scratch = try Scratch()
        let defaults = JSON.object([("batch", .integer(16))])
        let plan = try scratch.plan("", defaults: defaults)
        try scratch.write("w.pth", "weights")
        try scratch.write("images/a.png", "a")
        do {
            let folder = try create(scratch, plan)
            try folder.begin(plan.cells[0])
            try folder.pin(file: scratch.path + "/w.pth")
            try folder.pin(files: [(scratch.path + "/images/a.png", sha("a"))], under: scratch.path + "/images")
        }
        let other = try scratch.plan("params: {batch: 32}\nseed: 1", defaults: defaults)
        let changed = message { _ = try resume(scratch, other) }
        #expect(
            changed.contains("seed: 42 in the run, 1 now") && changed.contains("params.batch: 16 in the run, 32 now"))
        for (name, old, new) in [
            ("w.pth", "weights", "weightS"), ("images/a.png", "a", "b"), ("fidelity.lua", "return {}", "return{}"),
        ] {
            try scratch.write(name, new)
            let body: () throws -> Void = { _ = try resume(scratch, plan) }
            #expect(message(body).contains(name) && message(body).contains(sha(new)))
            #expect(exitStatus(body) == .pin)
            try scratch.write(name, old)
        }
        try FileManager.default.removeItem(atPath: scratch.path + "/w.pth")
        #expect(message { _ = try resume(scratch, plan) }.contains("found no such file"))
        try scratch.write("w.pth", "weights")
        _ = try resume(scratch, plan)
        #expect(message { _ = try resume(scratch, plan, "none") }.contains("no such run"))
        #expect(message { _ = try resume(scratch, plan, "images") }.contains("not the folder of a run"))
    }

    @Test func runYamlRepeatsTheRunAndRefusesChangedInputs() throws {
        let scratch = try Scratch()
        let defaults = JSON.object([("scale", .number(7.5)), ("text", .string("no"))])
        let plan = try scratch.plan("params: {scale: 3}\nsweep: {scale: [1, 2]}\nthreads: 2", defaults: defaults)
        let images = (0..<5).map { scratch.path + "/images/\($0).png" }
        for (index, image) in images.enumerated() { try scratch.write("images/\(image.suffix(5))", "\(index)") }
        try scratch.write("w.pth", "weights")
        func run(_ plan: RunPlan, _ name: String) throws {
            let folder = try create(scratch, plan, name)
            for cell in folder.remainingCells {
                try folder.begin(cell)
                try folder.pin(file: scratch.path + "/w.pth")
                let files = images.enumerated().map { (path: $1, sha256: sha("\($0)")) }
                try folder.pin(files: files, under: scratch.path + "/images")
                try folder.record([("scale2", cell.params["scale"] ?? .null)], cell: cell)
                try folder.finish(cell)
            }
            try folder.finish(exit: .done)
        }
        try run(plan, "a")
        let config = try RunConfig.load(scratch.path + "/a/run.yaml")
        #expect(config.experiment == scratch.path + "/fidelity.lua")
        #expect(config.folder == scratch.path)
        #expect(
            config.pins.map { String($0.path.dropFirst(scratch.path.count)) } == [
                "/fidelity.lua", "/images/", "/w.pth",
            ])
        let again = try RunPlan(config: config, defaults: defaults, program: program())
        #expect(again.params == plan.params)
        #expect(again.cells.map(\.name) == plan.cells.map(\.name))
        try run(again, "b")
        #expect(try scratch.text("a/results.csv") == scratch.text("b/results.csv"))
        #expect(try scratch.text("a/run.yaml") == scratch.text("b/run.yaml"))
        #expect(try RunDiff.compare(scratch.path + "/a", scratch.path + "/b/run.yaml") == [])
        for (name, old, new) in [("images/3.png", "3", "x"), ("w.pth", "weights", "w")] {
            try scratch.write(name, new)
            #expect(message { try run(again, "c") }.contains("\(name): this is not the file"))
            #expect(!FileManager.default.fileExists(atPath: scratch.path + "/c"))
            try scratch.write(name, old)
        }
        // Without the manifests the folder is compared when all of it has been read.
        try scratch.write("alone/run.yaml", try scratch.text("a/run.yaml"))
        let alone = try RunPlan(
            config: try RunConfig.load(scratch.path + "/alone/run.yaml"), defaults: defaults, program: program())
        try run(alone, "d")
        try FileManager.default.removeItem(atPath: scratch.path + "/d")
        let wrong = try scratch.text("a/run.yaml").replacing(config.pins[1].sha256, with: sha("wrong"))
        try scratch.write("alone/run.yaml", wrong)
        let other = try RunPlan(
            config: try RunConfig.load(scratch.path + "/alone/run.yaml"), defaults: defaults, program: program())
        #expect(exitStatus { try run(other, "d") } == .pin)
    }

    @Test func anInterruptedRunsConfigPinsWhatItHadRead() throws {
        let scratch = try Scratch()
        let plan = try scratch.plan()
        for name in ["1", "2"] { try scratch.write("images/\(name)", name) }
        func pin(_ folder: RunFolder, _ names: [String]) throws {
            let files = names.map { (path: scratch.path + "/images/" + $0, sha256: sha($0)) }
            try folder.pin(files: files, under: scratch.path + "/images")
        }
        do {
            let folder = try create(scratch, plan)
            try folder.begin(plan.cells[0])
            try pin(folder, ["1"])
            try folder.interrupt(plan.cells[0])
            try folder.finish(exit: .interrupted)
        }
        let config = try RunConfig.load(scratch.path + "/run/run.yaml")
        let again = try RunPlan(config: config, defaults: .object([]), program: program())
        do {
            let folder = try resume(scratch, again)
            try folder.begin(again.cells[0])
            try pin(folder, ["1", "2"])
            try folder.finish(again.cells[0])
            try folder.finish(exit: .done)
        }
        let manifests = try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/run/manifests")
        #expect(manifests.count == 1)
        #expect(try scratch.text("run/manifests/\(manifests[0])") == "\(sha("1"))  1\n\(sha("2"))  2\n")
        let finished = try RunPlan(
            config: try RunConfig.load(scratch.path + "/run/run.yaml"), defaults: .object([]), program: program())
        try scratch.write("images/3", "3")
        let folder = try create(scratch, finished, "third")
        #expect(message { try pin(folder, ["1", "3"]) }.contains("images/3: this is not the file"))
    }

    @Test func onceKeepsValuesAndBytes() throws {
        let scratch = try Scratch()
        let plan = try scratch.plan()
        let cell = plan.cells[0]
        let value = JSON.object([("n", .integer(3)), ("x", .number(.nan)), ("list", .array([.string("a\0b")]))])
        let bytes = Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        do {
            let folder = try create(scratch, plan)
            try folder.begin(cell)
            #expect(folder.stored("features/real", cell: cell) == nil)
            try folder.store(
                StoredValue(value, blobs: [("t", bytes), ("empty", Data())]), key: "features/real", cell: cell)
            #expect(folder.stored("features/real", cell: cell)?.blobs[0].bytes == bytes)
        }
        do {
            let stored = try #require(try resume(scratch, plan).stored("features/real", cell: cell))
            #expect(stored.value == value)
            #expect(stored.blobs.map(\.name) == ["t", "empty"])
            #expect(stored.blobs[0].bytes == bytes)
        }
        do {
            let folder = try resume(scratch, plan)
            let large = JSON.array((0..<200_000).map { .number(Double($0)) })
            try folder.store(StoredValue(large), key: "large", cell: cell)
            #expect(folder.stored("large", cell: cell)?.value == large)
        }
        let once = scratch.path + "/run/once"
        for name in try FileManager.default.contentsOfDirectory(atPath: once) {
            let file = FileHandle(forUpdatingAtPath: once + "/" + name)
            try file?.seek(toOffset: 500)
            if try FileManager.default.attributesOfItem(atPath: once + "/" + name)[.size] as? Int ?? 0 > 600 {
                file?.write(Data([0xAA]))
            }
        }
        let folder = try resume(scratch, plan)
        #expect(folder.stored("features/real", cell: cell) == nil)
        #expect(try scratch.text("run/run.log").contains("damaged or gone"))
    }

    @Test func artifactsStayInTheFolder() throws {
        let scratch = try Scratch()
        let folder = try create(scratch, try scratch.plan())
        let cell = folder.plan.cells[0]
        #expect(try folder.artifact("plots/roc.svg", cell: cell) == scratch.path + "/run/artifacts/plots/roc.svg")
        for name in [
            "", "..", "../x", "a/../../x", "/etc/passwd", "a//b", "a/.", "x\0y", String(repeating: "x", count: 300),
            "plots",
        ] {
            #expect(exitStatus { _ = try folder.artifact(name, cell: cell) } == .failed, "\(name)")
        }
        try FileManager.default.createSymbolicLink(
            atPath: scratch.path + "/run/artifacts/out", withDestinationPath: "/tmp")
        #expect(message { _ = try folder.artifact("out/x", cell: cell) }.contains("through the link"))
        #expect(message { _ = try folder.artifact("out", cell: cell) }.contains("through the link"))
        try scratch.write("run/artifacts/file", "")
        #expect(message { _ = try folder.artifact("file/x", cell: cell) }.contains("through the file"))
        let sweep = try create(scratch, try scratch.plan("sweep: {seed: [1, 2]}"), "sweep")
        let second = sweep.plan.cells[1]
        #expect(try sweep.artifact("a.svg", cell: second).hasSuffix("/artifacts/\(second.name)/a.svg"))
    }

    /// A file that was removed after its cell was done is made again, or missed by name.
    @Test func artifactsThatAreGoneAreMissed() throws {
        let scratch = try Scratch()
        let plan = try scratch.plan("sweep: {seed: [1, 2]}")
        func make(_ folder: RunFolder, _ cell: Cell, _ names: [String]) throws {
            try folder.begin(cell)
            for name in names { try AtomicFile.write(folder.artifact(name, cell: cell), name) }
            // Where one would be, had there been need of it; and one that all cells share.
            _ = try folder.artifact("unused", cell: cell)
            try AtomicFile.write(folder.artifact("all.csv", cell: nil), "x")
            try folder.finish(cell)
        }
        var folder: RunFolder? = try create(scratch, plan)
        for cell in plan.cells { try folder.map { try make($0, cell, ["images/a", "images/b"]) } }
        try folder?.finish(exit: .done)
        folder = nil
        let first = try #require(plan.cells.first)
        let image = "run/artifacts/\(first.name)/images/b"

        folder = try resume(scratch, plan)
        #expect(folder?.remainingCells.isEmpty == true)
        folder = nil
        unlink("\(scratch.path)/\(image)")
        unlink("\(scratch.path)/run/artifacts/sweep/all.csv")
        folder = try resume(scratch, plan)
        #expect(folder?.remainingCells.map(\.name) == [first.name])
        #expect(try scratch.text("run/run.log").contains("\(image) is gone: what makes the run"))
        // What is not made again is an error, now and in a run that goes on once more.
        for _ in 0..<2 {
            let text = message { try folder.map { try make($0, first, ["images/a"]) } }
            #expect(text.contains("\(image): this file of the run is gone"), "\(text)")
            folder = nil
            folder = try resume(scratch, plan)
        }
        try folder.map { try make($0, first, ["images/a", "images/b"]) }
        folder = nil
        #expect(try resume(scratch, plan).remainingCells.isEmpty)
    }

    @Test func aSecondProcessIsRefusedWhileTheFirstLives() throws {
        let scratch = try Scratch()
        let plan = try scratch.plan()
        var folder: RunFolder? = try create(scratch, plan)
        #expect(message { _ = try resume(scratch, plan) }.contains("run: process \(getpid()) is working on this run"))
        #expect(folder != nil)
        folder = nil
        _ = try resume(scratch, plan)
        #expect(message { _ = try create(scratch, plan) }.contains("something is there already"))
        try FileManager.default.createDirectory(atPath: scratch.path + "/empty", withIntermediateDirectories: false)
        _ = try create(scratch, plan, "empty")
        let first = try RunFolder.create(
            in: scratch.path + "/runs", name: "x", plan: plan, command: [], console: quietConsole)
        let second = try RunFolder.create(
            in: scratch.path + "/runs", name: "x", plan: plan, command: [], console: quietConsole)
        #expect((first.name, second.name) == ("x", "x-2"))
        #expect(message { _ = try RunFolder.create(in: scratch.path, name: "../x", plan: plan, command: []) } != "")
    }

    @Test func tablesGetARowOnce() throws {
        let scratch = try Scratch()
        let plan = try scratch.plan()
        let cell = plan.cells[0]
        let table = scratch.path + "/Results/image_generation_metrics.csv"
        let row: [(String, JSON)] = [("Model", .string("SD")), ("FID", .number(0.1))]
        do {
            let folder = try create(scratch, plan)
            try folder.begin(cell)
            try folder.append(toTable: table, row, cell: cell)
        }
        let whole = try Data(contentsOf: URL(fileURLWithPath: scratch.path + "/run/journal"))
        // As if the process had died just before and just after the row came into the table.
        let records = journalRecords(whole)
        for isThere in [true, false] {
            try whole.prefix(records[records.count - 1].lowerBound)
                .write(to: URL(fileURLWithPath: scratch.path + "/run/journal"))
            if !isThere { try FileManager.default.removeItem(atPath: table) }
            let folder = try resume(scratch, plan)
            try folder.begin(cell)
            try folder.append(toTable: table, row, cell: cell)
            #expect(try scratch.text("Results/image_generation_metrics.csv") == "Model,FID\nSD,0.1\n")
        }
        let folder = try resume(scratch, plan)
        try folder.begin(cell)
        #expect(
            message { try folder.append(toTable: table, [("Model", .string("X"))], cell: cell) }.contains("differs"))
        try folder.append(toTable: table, row, cell: cell)
        try folder.append(toTable: table, row, cell: cell)
        #expect(try scratch.text("Results/image_generation_metrics.csv") == "Model,FID\nSD,0.1\nSD,0.1\n")
    }

    @Test func diffNamesParametersInputsAndResults() throws {
        let scratch = try Scratch()
        let defaults = JSON.object([("batch", .integer(16))])
        try scratch.write("w.pth", "1")
        for (name, fid) in [("a", 1.5), ("b", 2.5)] {
            let plan = try scratch.plan("params: {batch: \(Int(fid))}", defaults: defaults)
            let folder = try create(scratch, plan, name)
            try folder.begin(plan.cells[0])
            try scratch.write("w.pth", name)
            try folder.pin(file: scratch.path + "/w.pth")
            let identity =
                "metric=fid; protocol=exact; encoder=e; weights=\(name); preprocessing=p; output=o; dtype=f32; device=cpu; "
                + "estimator=frechet; n_real=\(Int(fid)); n_synthetic=9; seed=none"
            try folder.record(
                [("fid", .number(fid)), (name, .integer(1)), ("fid identity", .string(identity))], cell: plan.cells[0])
            try folder.finish(plan.cells[0])
            try folder.finish(exit: .done)
        }
        let lines = try RunDiff.compare(scratch.path + "/a", scratch.path + "/b").joined(separator: "\n")
        #expect(lines.contains("parameter params.batch: 1 in"))
        #expect(lines.contains("w.pth: \(sha("a")) in"))
        #expect(
            lines.contains("result row 1, fid: 1.5 in") && lines.contains("the column b is only in \(scratch.path)/b"))
        #expect(lines.contains("result row 1, fid identity, weights: a in \(scratch.path)/a, b in \(scratch.path)/b"))
        #expect(lines.contains("fid identity, n_real: 1 in") && !lines.contains("n_synthetic"), "\(lines)")
        // Of many, the first are named and the others counted.
        let few = try RunDiff.compare(scratch.path + "/a", scratch.path + "/b", most: 1)
        #expect(few.filter { $0.hasPrefix("result") }.last == "results: 4 more differ; --all names them", "\(few)")
        #expect(
            message { _ = try RunDiff.compare(scratch.path + "/a", scratch.path + "/none") }.contains(
                "none: no such file"))
    }
}
