import Files
import Foundation
import Runs
import Tensors
import TestSupport
import Testing

@Suite struct JournalTests {
    /// A run of two cells; `resume` goes on with one. Returns the bytes of results.csv.
    @discardableResult func work(_ folder: RunFolder) throws -> String {
        for cell in folder.remainingCells {
            try folder.begin(cell)
            for step in 1...3 {
                let value: JSON
                if let stored = folder.stored("v\(step)", cell: cell) {
                    value = stored.value
                } else {
                    value = .number(Double(cell.seed) / Double(step))
                    try folder.store(
                        StoredValue(value, blobs: [("b", Data([UInt8(step)]))]), key: "v\(step)", cell: cell)
                }
                try folder.record([("step", .integer(step)), ("v\(step % 2)", value)], cell: cell)
            }
            try folder.finish(cell)
        }
        try folder.finish(exit: .done)
        return try String(contentsOf: URL(fileURLWithPath: folder.path + "/results.csv"), encoding: .utf8)
    }

    @Test func cutAnywhereTheRunEndsInTheSameBytes() throws {
        let scratch = try Scratch()
        let plan = try scratch.plan("sweep: {seed: [1, 2]}")
        let path = scratch.path + "/run"
        let whole: String
        do {
            whole = try work(try RunFolder.create(at: path, plan: plan, command: [], console: quietConsole))
        }
        let journal = try Data(contentsOf: URL(fileURLWithPath: path + "/journal"))
        let records = journalRecords(journal)
        #expect(records.last?.upperBound == journal.count)
        for cut in records.dropFirst().map(\.lowerBound) + [journal.count] {
            try journal.prefix(cut).write(to: URL(fileURLWithPath: path + "/journal"))
            let folder = try RunFolder.resume(path, plan: plan, command: [], console: quietConsole)
            #expect(try work(folder) == whole, "cut at \(cut)")
        }
        // Cut inside of a record, the run is as if cut before it.
        for record in records.suffix(3) {
            for cut in record.dropFirst() {
                try journal.prefix(cut).write(to: URL(fileURLWithPath: path + "/journal"))
                _ = try RunFolder.resume(path, plan: plan, command: [], console: quietConsole)
                let left = try Data(contentsOf: URL(fileURLWithPath: path + "/journal"))
                #expect(left == journal.prefix(record.lowerBound), "cut at \(cut)")
            }
        }
        // A file system may have promised space that it never filled.
        try (journal.prefix(records[records.count - 2].lowerBound) + Data(count: 300))
            .write(to: URL(fileURLWithPath: path + "/journal"))
        let folder = try RunFolder.resume(path, plan: plan, command: [], console: quietConsole)
        #expect(try work(folder) == whole)
    }

    @Test func flippedBitsAreFoundAndNamed() throws {
        let scratch = try Scratch()
        let plan = try scratch.plan("sweep: {seed: [1, 2]}")
        let path = scratch.path + "/run"
        let whole: String
        do {
            whole = try work(try RunFolder.create(at: path, plan: plan, command: [], console: quietConsole))
        }
        let journal = try Data(contentsOf: URL(fileURLWithPath: path + "/journal"))
        for (number, record) in journalRecords(journal).enumerated() {
            for place in [0, 3, 4, 9, 13, 16, record.count - 1] {
                var damaged = journal
                damaged[record.lowerBound + place] ^= UInt8(1 << (place % 8))
                try damaged.write(to: URL(fileURLWithPath: path + "/journal"))
                var results = ""
                let got = complaint {
                    results = try work(try RunFolder.resume(path, plan: plan, command: [], console: quietConsole))
                }
                if record.upperBound == journal.count && got.isEmpty {
                    // The last record may be taken for torn; its cell is then run again.
                    #expect(results == whole)
                } else {
                    #expect(
                        got.contains("journal: record \(number + 1), at byte \(record.lowerBound), is damaged"),
                        "\(got)")
                }
            }
        }
        // Records that stand twice or are missing.
        let records = journalRecords(journal)
        let last = journal[records[records.count - 2]]
        try (journal + last).write(to: URL(fileURLWithPath: path + "/journal"))
        #expect(message { _ = try RunFolder.resume(path, plan: plan, command: []) }.contains("its number is"))
        try (journal.prefix(records[4].lowerBound) + journal.suffix(from: records[5].lowerBound))
            .write(to: URL(fileURLWithPath: path + "/journal"))
        #expect(message { _ = try RunFolder.resume(path, plan: plan, command: []) }.contains("record 5,"))
        try Data("something else".utf8).write(to: URL(fileURLWithPath: path + "/journal"))
        #expect(message { _ = try RunFolder.resume(path, plan: plan, command: []) }.contains("no journal of a run"))
    }

    #if os(Linux)
        /// The work of `cutAnywhereTheRunEndsInTheSameBytes`, with more rows, until it is killed.
        static func child(_ home: String, microseconds: UInt32) throws {
            let config = try RunConfig.load(home + "/fidelity.yaml")
            let plan = try RunPlan(config: config, defaults: .object([]), program: program())
            Thread.detachNewThread {
                usleep(microseconds)
                kill(getpid(), SIGKILL)
            }
            let path = home + "/run"
            let exists = FileManager.default.fileExists(atPath: path)
            let folder =
                exists
                ? try RunFolder.resume(path, plan: plan, command: [], console: quietConsole)
                : try RunFolder.create(at: path, plan: plan, command: [], console: quietConsole)
            try JournalTests().many(folder, reading: home + "/inputs")
            kill(getpid(), SIGKILL)
        }

        func many(_ folder: RunFolder, reading inputs: String? = nil) throws {
            for cell in folder.remainingCells {
                try folder.begin(cell)
                for step in 1...40 {
                    // What was read for a value that is kept is not read again.
                    if let inputs, step % 5 == 0, folder.stored("read \(step)", cell: cell) == nil {
                        try folder.pin(file: "\(inputs)/table-\(step).csv")
                        let images = (0..<step).map { (path: "\(inputs)/images/\($0).png", sha256: sha("\($0)")) }
                        try folder.pin(files: images, under: inputs + "/images")
                        try folder.store(StoredValue(.integer(step)), key: "read \(step)", cell: cell)
                    }
                    try folder.record(
                        [("step", .integer(step)), ("v", .number(1 / Double(step + cell.seed)))], cell: cell)
                }
                try folder.append(
                    toTable: folder.path + "/../Results/t.csv", [("cell", .string(cell.name))], cell: cell)
                try folder.finish(cell)
            }
            try folder.finish(exit: .done)
        }

        @Test func killedAtAnyMomentTheRunGoesOn() async throws {
            let scratch = try Scratch()
            let plan = try scratch.plan("sweep: {seed: [1, 2, 3]}")
            let home = scratch.path
            for step in stride(from: 5, through: 40, by: 5) { try scratch.write("inputs/table-\(step).csv", "\(step)") }
            for image in 0..<40 { try scratch.write("inputs/images/\(image).png", "\(image)") }
            let reference = try RunFolder.create(
                at: scratch.path + "/whole/run", plan: plan, command: [], console: quietConsole)
            try many(reference, reading: home + "/inputs")
            var random = SeededGenerator()
            var time: UInt32 = 1
            for _ in 0..<25 {
                await #expect(processExitsWith: .signal(SIGKILL)) { [home = home as String, time = time as UInt32] in
                    try JournalTests.child(home, microseconds: time)
                }
                time += .random(in: 1000...8000, using: &random)
            }
            let path = home + "/run"
            let isThere = FileManager.default.fileExists(atPath: path)
            let folder =
                isThere
                ? try RunFolder.resume(path, plan: plan, command: [], console: quietConsole)
                : try RunFolder.create(at: path, plan: plan, command: [], console: quietConsole)
            try many(folder, reading: home + "/inputs")
            #expect(try scratch.text("run/results.csv") == scratch.text("whole/run/results.csv"))
            #expect(try scratch.text("run/results.jsonl") == scratch.text("whole/run/results.jsonl"))
            #expect(try scratch.text("run/run.yaml") == scratch.text("whole/run/run.yaml"))
            let manifests = try FileManager.default.contentsOfDirectory(atPath: path + "/manifests")
            #expect(manifests.count == 1)
            for name in manifests {
                #expect(try scratch.text("run/manifests/\(name)") == scratch.text("whole/run/manifests/\(name)"))
            }
            #expect(try scratch.text("Results/t.csv") == scratch.text("whole/Results/t.csv"))
            let left = try FileManager.default.contentsOfDirectory(atPath: home)
            #expect(!left.contains { $0.hasPrefix(".run.new-") }, "\(left)")
        }

        /// Runs into a limit on the size of files, as on a full disk.
        static func full(_ home: String, bytes: UInt) throws {
            let config = try RunConfig.load(home + "/fidelity.yaml")
            let plan = try RunPlan(config: config, defaults: .object([]), program: program())
            let folder = try RunFolder.create(at: home + "/run", plan: plan, command: [], console: quietConsole)
            signal(SIGXFSZ, SIG_IGN)
            let resource = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
            var limit = rlimit()
            getrlimit(resource, &limit)
            limit.rlim_cur = bytes
            setrlimit(resource, &limit)
            do {
                try JournalTests().many(folder)
            } catch {
                let text = "\(error)"
                exit(text.contains("cannot be written: File too large") && text.contains("bytes wanted") ? 7 : 8)
            }
            exit(9)
        }

        /// A small file system for one test, or nil where this process may not make one.
        static func mounted(_ path: String) -> Bool {
            try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            return mount("none", path, "tmpfs", 0, "size=256k") == 0
        }

        static let canMount: Bool = {
            guard let scratch = try? Scratch(), mounted(scratch.path + "/disk") else { return false }
            return umount(scratch.path + "/disk") == 0
        }()

        @Test(.enabled(if: canMount, "needs the right to mount a small file system"))
        func aRunGoesOnWhenTheDiskHasSpaceAgain() throws {
            let scratch = try Scratch()
            let disk = scratch.path + "/disk"
            #expect(JournalTests.mounted(disk))
            defer { umount2(disk, Int32(MNT_DETACH)) }
            let plan = try scratch.plan("sweep: {seed: [1, 2, 3]}")
            let whole = try RunFolder.create(
                at: scratch.path + "/whole", plan: plan, command: [], console: quietConsole)
            try many(whole)
            // Less and less space is left at the start, so that each kind of write fails in turn.
            for free in stride(from: 4, through: 44, by: 4) {
                let run = "\(disk)/\(free)/run"
                try FileManager.default.createDirectory(atPath: "\(disk)/\(free)", withIntermediateDirectories: true)
                try Data(count: 262_144 - (free + 8) * 1024).write(to: URL(fileURLWithPath: disk + "/filler"))
                let got = complaint {
                    try many(try RunFolder.create(at: run, plan: plan, command: [], console: quietConsole))
                }
                #expect(got.isEmpty || got.contains("No space left") && got.contains(disk), "\(free) kB: \(got)")
                try FileManager.default.removeItem(atPath: disk + "/filler")
                if FileManager.default.fileExists(atPath: run) {
                    try many(try RunFolder.resume(run, plan: plan, command: [], console: quietConsole))
                    #expect(
                        try scratch.text("disk/\(free)/run/results.csv") == scratch.text("whole/results.csv"))
                }
                try FileManager.default.removeItem(atPath: "\(disk)/\(free)")
            }
        }

        /// Sends a signal to this process and waits until it has been seen: worker threads block signals, the main one
        /// does not.
        static func send(_ signal: Int32) {
            kill(getpid(), signal)
            for _ in 0..<1000 where !Cancellation.isRequested { usleep(1000) }
        }

        @Test func signalsAskToStopAndASecondOneEnds() async {
            await #expect(processExitsWith: .exitCode(5)) {
                Signals.install()
                JournalTests.send(SIGTERM)
                exit(Cancellation.isRequested ? 5 : 6)
            }
            await #expect(processExitsWith: .exitCode(130)) {
                Signals.install()
                JournalTests.send(SIGINT)
                JournalTests.send(SIGINT)
                sleep(2)
                exit(6)
            }
        }

        @Test func aFullDiskLosesNothing() async throws {
            for bytes: UInt in [700, 1000, 1500, 2000, 3000] {
                let scratch = try Scratch()
                let plan = try scratch.plan("sweep: {seed: [1, 2, 3]}")
                try many(
                    try RunFolder.create(
                        at: scratch.path + "/whole/run", plan: plan, command: [], console: quietConsole))
                let home = scratch.path
                await #expect(processExitsWith: .exitCode(7)) { [home = home as String, bytes = bytes as UInt] in
                    try JournalTests.full(home, bytes: bytes)
                }
                try many(try RunFolder.resume(home + "/run", plan: plan, command: [], console: quietConsole))
                #expect(try scratch.text("run/results.csv") == scratch.text("whole/run/results.csv"))
            }
        }
    #endif
}
