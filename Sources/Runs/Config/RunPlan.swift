import CSupport
import Files
import Foundation

/// One cell of a sweep, or the only one of a run without a sweep: everything that its script sees.
public struct Cell {
    /// The first 12 hexadecimal digits of the SHA-256 of the cell's resolved config: its name, whatever its place.
    public let name: String
    /// The place in the sweep, from 0.
    public let index: Int
    /// What the sweep sets in this cell: paths of parameters (or `seed`, `dtype` of the run) and values.
    public let settings: [(key: String, value: JSON)]
    /// The seed.
    public let seed: Int
    /// The dtype of models where the script names none.
    public let dtype: String
    /// All parameters: defaults, config, `--set` and the sweep's settings.
    public let params: JSON
}

/// A run that is resolved to the last parameter: what `run.yaml` holds and what its cells are called with.
public struct RunPlan {
    /// The config that was read.
    public let config: RunConfig
    /// All parameters after defaults and `--set`, without the sweep's settings.
    public let params: JSON
    /// Threads.
    public let threads: Int
    /// The cells in order; one without settings where there is no sweep.
    public let cells: [Cell]
    /// The program that computes the run.
    public let program: ProgramIdentity

    /// Lays a config over the experiment's defaults and expands its sweep.
    /// - Parameters:
    ///   - config: the config.
    ///   - defaults: the experiment's `params`, a map; see `ConfigMerge` for the rules.
    ///   - program: the program, which goes to `run.yaml`.
    /// - Throws: `RunsError.config` with file, line and the nearest known name; `.faults` where several things are wrong.
    public init(config: RunConfig, defaults: JSON, program: ProgramIdentity) throws {
        self.config = config
        self.program = program
        threads = config.threads ?? Int(cx_threads())
        var defaults = defaults
        switch defaults {
        case .object: break
        case .null: defaults = .object([])
        case .array(let elements) where elements.isEmpty: defaults = .object([])
        default:
            throw RunsError.config(
                location: config.experiment, message: "`params` must be a table of names, not \(defaults.kind)")
        }
        // An empty map takes anything only inside `params`: an experiment without parameters has no key to set.
        if case .object(let known) = defaults, known.isEmpty, case .object(let given) = config.params.content,
            let first = given.first
        {
            throw RunsError.config(
                location: first.place.description,
                message: YAMLNode.unknown("parameter", first.key, of: "`params`", known: []))
        }
        var faults = ConfigFaults()
        for fault in config.bareSettings.compactMap({ $0.ambiguity(with: defaults) }) { faults.add(fault) }
        params = try faults.take { try ConfigMerge.merge(defaults: defaults, given: config.params) } ?? defaults
        var cells: [Cell] = []
        var seen: [String: Int] = [:]
        let sweep = try faults.take { try Sweep(config.sweep).settings } ?? []
        for (index, settings) in sweep.enumerated() {
            let made = try faults.take { try RunPlan.cell(index, settings, config: config, defaults: defaults) }
            guard let cell = made else { continue }
            if let twin = seen.updateValue(index, forKey: cell.name), let node = config.sweep {
                faults.add(node.error("cells \(twin + 1) and \(index + 1) of the sweep are the same: \(cell.label)"))
                break
            }
            cells.append(cell)
        }
        try faults.check()
        self.cells = cells
    }

    private static func cell(
        _ index: Int, _ settings: [(key: String, value: YAMLNode)], config: RunConfig, defaults: JSON
    ) throws -> Cell {
        var seed = config.seed
        var dtype = config.dtype
        var given = config.params
        for (key, value) in settings {
            // A key with points in it is a parameter's own where there is one, else a path.
            var path = defaults[key] == nil ? key.split(separator: ".").map(String.init) : [key]
            guard let first = path.first else { throw value.error("a key of `sweep` is empty") }
            var own: String?
            if path.count == 1, ["seed", "dtype"].contains(first) {
                guard defaults[first] == nil else { throw value.error(Setting.ambiguity(path, path)) }
                own = first
            } else if path.count == 2, defaults[first] == nil, first == "run", ["seed", "dtype"].contains(path[1]) {
                own = path[1]
            } else if path.count > 1, defaults[first] == nil, first == "params" {
                path.removeFirst()
            }
            switch own {
            case "seed": seed = try value.seed()
            case "dtype": dtype = try value.dtype()
            default: given = try given.setting(path, to: value)
            }
        }
        let merged = try ConfigMerge.merge(defaults: defaults, given: given)
        let identity = JSON.object([
            ("experiment", .string(Paths.name(config.experiment))), ("seed", .integer(seed)),
            ("dtype", .string(dtype)), ("params", merged),
        ])
        let name = String(SHA256.hex(of: YAML.text(identity)).prefix(12))
        let values = settings.map { (key: $0.key, value: $0.value.value) }
        return Cell(name: name, index: index, settings: values, seed: seed, dtype: dtype, params: merged)
    }

    /// The plan as a value: what two runs must share to be the same run, in the order of `run.yaml`.
    var identity: JSON {
        var entries: [(key: String, value: JSON)] = [
            ("seed", .integer(config.seed)), ("threads", .integer(threads)), ("dtype", .string(config.dtype)),
            ("params", params),
        ]
        if let sweep = config.sweep { entries.append(("sweep", sweep.value)) }
        return .object(entries)
    }

    /// The text of `run.yaml`.
    func yaml(_ state: State) -> String {
        func written(_ path: String) -> String { Paths.written(path, in: state.folder, home: state.home) }
        var entries: [(key: String, value: JSON)] = [
            ("experiment", .string(written(config.experiment))), ("folder", .string(written(config.folder))),
        ]
        if case .object(let fields) = identity { entries += fields }
        var limits: [(key: String, value: JSON)] = []
        if let memory = config.limits.memoryMegabytes { limits.append(("memory_mb", .integer(memory))) }
        if let seconds = config.limits.seconds { limits.append(("seconds", .number(seconds))) }
        if !limits.isEmpty { entries.append(("limits", .object(limits))) }
        var provenance = program.fields
        if !state.earlierPrograms.isEmpty { provenance.append(("earlier", .array(state.earlierPrograms))) }
        provenance += program.machine + [("finished", .boolean(state.isFinished))]
        entries.append(("provenance", .object(provenance)))
        let pins = state.pins.map { (key: written($0.path), value: JSON.string($0.sha256)) }
        entries.append(("pins", .object(pins.sorted { $0.key < $1.key })))
        return "# Resolved and pinned by chexgen \(program.version); `chexgen run` on this file repeats the run.\n"
            + YAML.text(.object(entries))
    }

    /// What `run.yaml` says beside the plan.
    struct State {
        /// The run folder, absolute.
        let folder: String
        /// The folder that the run was begun in: paths below it are written relative, so that the whole of it can move.
        let home: String
        let pins: [(path: String, sha256: String)]
        /// Programs that computed a part of the run before this one went on with it.
        let earlierPrograms: [JSON]
        /// Whether every input is among the pins.
        let isFinished: Bool
    }
}

extension Cell {
    /// The settings in one line, for messages and logs; the name where there are none.
    public var label: String {
        if settings.isEmpty { return name }
        return settings.map { "\($0.key)=\($0.value.summary)" }.joined(separator: " ")
    }
}
