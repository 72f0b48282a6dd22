import Files
import Foundation

extension RunFolder {
    /// Makes a run folder below `parent` and takes its lock. Where the name is taken, `-2`, `-3`, … is added.
    /// - Parameters:
    ///   - parent: the folder of runs, made where it is missing.
    ///   - name: the folder's name, or nil for the experiment's name and the time.
    ///   - plan: what is run.
    ///   - command: the command line, for `run.json`.
    /// - Throws: `RunsError.pin` where a pinned file changed; `FileError` where the folder cannot be made.
    public static func create(
        in parent: String, name: String? = nil, plan: RunPlan, command: [String], console: Console = .shared
    ) throws -> RunFolder {
        let base = name ?? plan.config.experimentName + "-" + WallClock.stamp
        guard !base.isEmpty, base != ".", base != "..", !base.contains("/"), !base.utf8.contains(0) else {
            throw RunsError.usage(operation: "run", message: "`\(base)` cannot be the name of a run folder")
        }
        for attempt in 1... {
            let path = Paths.absolute(parent) + "/" + base + (attempt == 1 ? "" : "-\(attempt)")
            if exists(path) { continue }
            do {
                return try create(at: path, plan: plan, command: command, console: console)
            } catch RunsError.folder where exists(path) {
                // Another process took the name in between.
                continue
            }
        }
        throw RunsError.folder(path: parent, message: "no free name for a run folder")
    }

    /// Makes a run folder at a path, which must not exist or be an empty folder, and takes its lock.
    ///
    /// The folder is made under a hidden name and renamed when it is complete: it is there whole or not at all.
    /// - Throws: as `create(in:name:plan:command:console:)`, and `RunsError.folder` where something is there already.
    public static func create(
        at path: String, plan: RunPlan, command: [String], console: Console = .shared
    ) throws -> RunFolder {
        let path = Paths.absolute(path)
        let pins = try Pins(config: plan.config)
        try pins.verify()
        try makeFolder(Paths.folder(path))
        try checkIsFree(path)
        removeAbandoned(beside: path)
        let hidden = hiddenName(for: path)
        try makeFolder(hidden)
        do {
            let opened = try fill(hidden, path: path, plan: plan, pins: pins, command: command)
            guard rename(hidden, path) == 0 else {
                let code = errno
                throw RunsError.folder(
                    path: path, message: "the run folder cannot be made: \(String(cString: strerror(code)))")
            }
            opened.journal.moved(to: path + "/" + Names.journal)
            syncFolder(Paths.folder(path))
            return try RunFolder(path: path, plan: plan, pins: pins, opened: opened, console: console)
        } catch {
            try? FileManager.default.removeItem(atPath: hidden)
            throw error
        }
    }

    /// Checks that a run folder can be made at a path: nothing is there, or an empty folder.
    /// - Throws: `RunsError.folder` where something is.
    public static func checkIsFree(_ path: String) throws {
        if exists(path), (try? FileManager.default.contentsOfDirectory(atPath: path))?.isEmpty != true {
            throw RunsError.folder(
                path: path, message: "something is there already; `--resume` goes on with a run that was stopped")
        }
    }

    private static func fill(
        _ hidden: String, path: String, plan: RunPlan, pins: Pins, command: [String]
    ) throws -> Opened {
        let lock = try FolderLock.take(run: path, file: hidden + "/" + Names.lock)
        // The script and the config are kept beside the results, under their hashes, whatever becomes of the originals.
        try makeFolder(hidden + "/" + Names.inputs)
        let script = try FileReader.data(plan.config.experiment, limit: 64 << 20)
        let hash = SHA256.hex(of: script)
        _ = try pins.add(plan.config.experiment, hash)
        try AtomicFile.write(hidden + "/" + copyName(plan.config.experiment, hash), script)
        if plan.config.path != plan.config.experiment,
            let config = try? FileReader.data(plan.config.path, limit: YAML.Limits.bytes)
        {
            try AtomicFile.write(hidden + "/" + copyName(plan.config.path, SHA256.hex(of: config)), config)
        }
        let home = FileManager.default.currentDirectoryPath
        let journal = try Journal.create(hidden + "/" + Names.journal)
        try journal.append(
            .object([
                ("kind", .string("begin")), ("program", .object(plan.program.fields)), ("identity", plan.identity),
                ("machine", .object(plan.program.machine)), ("home", .string(home)),
            ]))
        try journal.append(pinRecord([(path: plan.config.experiment, sha256: hash)], under: nil))
        let state = RunPlan.State(
            folder: path, home: home, pins: pins.all.pins, earlierPrograms: [], isFinished: false)
        try AtomicFile.write(hidden + "/" + Names.config, plan.yaml(state))
        let report = RunReport(command: command, plan: plan)
        try report.write(hidden + "/" + Names.report)
        return Opened(lock: lock, home: home, journal: journal, records: [], isResumed: false, report: report)
    }

    /// The path in the run folder of an input's copy: `inputs/fidelity-0123456789ab.lua`.
    private static func copyName(_ path: String, _ hash: String) -> String {
        let name = Paths.name(path)
        let point = name.lastIndex(of: ".") ?? name.endIndex
        return "\(Names.inputs)/\(name[..<point])-\(hash.prefix(12))\(name[point...])"
    }

    /// Goes on with a run that was stopped: takes its lock, reads its journal and checks that nothing has changed.
    /// - Parameter allowsOtherProgram: go on although the run was begun by another program, which `run.yaml` then says.
    /// - Throws: `RunsError.busy` where another process works on it; `.program` or `.changed` where the program or the config
    ///   is another one, with each difference; `.pin` where a file that the run has read is another one; `.folder` where the
    ///   journal is damaged.
    public static func resume(
        _ path: String, plan: RunPlan, command: [String], allowsOtherProgram: Bool = false, console: Console = .shared
    ) throws -> RunFolder {
        let path = Paths.absolute(path)
        guard exists(path + "/" + Names.journal), exists(path + "/" + Names.config) else {
            throw RunsError.folder(
                path: path, message: exists(path) ? "this is not the folder of a run" : "there is no such run to resume"
            )
        }
        let lock = try FolderLock.take(run: path, file: path + "/" + Names.lock)
        removeTemporaries(in: path)
        let (journal, recovery) = try Journal.open(existing: path + "/" + Names.journal)
        guard let first = recovery.records.first, first["kind"] == .string("begin") else {
            throw RunsError.folder(path: path + "/" + Names.journal, message: "its first record is missing")
        }
        let differences = RunDiff.differences(first["identity"] ?? .null, plan.identity, "in the run", "now")
        guard differences.isEmpty else { throw RunsError.changed(run: path, differences: differences) }
        let earlier = try earlierPrograms(
            recovery.records, plan.program, run: path, journal: journal, allowsOthers: allowsOtherProgram)
        let pins = try Pins(config: plan.config)
        let known = recovery.records.filter { $0["kind"] == .string("pins") }.map { record in
            (root: record["root"]?.string, files: pinned(record).filter { !$0.path.hasPrefix(path + "/") })
        }
        for file in known.flatMap(\.files) { pins.expect(file.path, file.sha256) }
        pins.release(WrittenPaths(recovery.records))
        try pins.verify()
        // What was read before the run was stopped stays an input of it, also where it is not read again.
        for (root, files) in known {
            if let root {
                _ = try pins.add(files, under: root)
            } else {
                for file in files { _ = try pins.add(file.path, file.sha256) }
            }
        }
        let report = RunReport(command: command, plan: plan, before: path + "/" + Names.report)
        let opened = Opened(
            lock: lock, home: first["home"]?.string ?? FileManager.default.currentDirectoryPath,
            earlierPrograms: earlier, journal: journal, records: recovery.records, isResumed: true, report: report)
        let folder = try RunFolder(path: path, plan: plan, pins: pins, opened: opened, console: console)
        if recovery.cutBytes > 0 {
            folder.log("the journal ended in a torn record; its \(recovery.cutBytes) bytes were cut off")
        }
        if let machine = first["machine"], machine != .object(plan.program.machine) {
            folder.log(
                "the run was begun on another processor or with other libraries; its numbers may differ in the last digits"
            )
        }
        try folder.reopenIncompleteCells()
        try folder.writeResults()
        try folder.report.write(path + "/" + Names.report)
        return folder
    }

    /// The programs that worked on a run before this one, but for this one; the last of them is the one that must be the same.
    /// - Throws: `RunsError.program` where it is not, and others are not allowed.
    private static func earlierPrograms(
        _ records: [JSON], _ program: ProgramIdentity, run path: String, journal: Journal, allowsOthers: Bool
    ) throws -> [JSON] {
        let own = JSON.object(program.fields)
        var programs = records.filter { ["begin", "program"].contains($0["kind"]?.string) }
            .map { $0["program"] ?? .object([("chexgen", $0["version"] ?? .null)]) }
        let manifests = path + "/" + Pins.manifestFolder
        // One that says less, of an older version's run, may be this one.
        programs = programs.map { program.differences(from: $0, manifests: manifests).isEmpty ? own : $0 }
        if let last = programs.last, last != own {
            let differences = program.differences(from: last, manifests: manifests)
            guard allowsOthers else { throw RunsError.program(run: path, differences: differences) }
            try journal.append(.object([("kind", .string("program")), ("program", own)]))
            programs.append(own)
        }
        var seen = [own]
        return programs.filter { program in
            if seen.contains(program) { return false }
            seen.append(program)
            return true
        }
    }

    /// Removes what a process left that was killed while it made this folder.
    private static func removeAbandoned(beside path: String) {
        let parent = Paths.folder(path)
        let prefix = ".\(Paths.name(path)).new-"
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        where isAbandoned(name, prefix) {
            try? FileManager.default.removeItem(atPath: parent + "/" + name)
        }
    }

    /// Removes the temporary files of processes that were killed while they wrote into this folder.
    private static func removeTemporaries(in path: String) {
        guard let names = FileManager.default.enumerator(atPath: path) else { return }
        for case let name as String in names
        where name.hasSuffix(".tmp") && isAbandoned(Paths.name(name), ".chexgen-") {
            unlink(path + "/" + name)
        }
    }

    /// Whether a name begins with a prefix and the id of a process that is no more; what a living one makes is left alone.
    private static func isAbandoned(_ name: String, _ prefix: String) -> Bool {
        guard name.hasPrefix(prefix) else { return false }
        let owner = name.dropFirst(prefix.count).prefix { $0 != "-" }
        guard let process = Int32(owner), process > 0 else { return false }
        return kill(process, 0) != 0 && errno == ESRCH
    }

    static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    private static func syncFolder(_ path: String) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = fsync(descriptor)
        close(descriptor)
    }
}
