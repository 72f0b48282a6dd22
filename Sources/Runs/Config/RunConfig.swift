import Files
import Foundation

/// What a YAML config says, after `--set`, and before the experiment's own defaults are known.
public struct RunConfig {
    /// Limits of the script.
    public struct Limits: Equatable, Sendable {
        /// Megabytes (2^20 bytes) of Lua heap and tensors.
        public var memoryMegabytes: Int?
        /// Seconds for the whole run.
        public var seconds: Double?

        /// The most seconds that may be asked for: about 30 years.
        public static let mostSeconds = 1e9
    }

    /// The config's file.
    public let path: String
    /// The experiment's script: the YAML's path resolved against the YAML's folder.
    public var experiment: String
    /// The script's name without its folder and ending.
    public var experimentName: String {
        let script = Paths.name(experiment)
        return script.hasSuffix(".lua") ? String(script.dropLast(4)) : script
    }
    /// The folder against which relative paths in `params` may be resolved: that of the first YAML, also when a run
    /// is repeated from its `run.yaml`.
    public let folder: String
    /// The seed of the run.
    public var seed = 42
    /// Threads, or nil for the machine's choice.
    public var threads: Int?
    /// The dtype of models where the script names none.
    public var dtype = "f32"
    /// Parameters as given; `RunPlan` lays them over the experiment's defaults.
    public var params: YAMLNode
    /// The sweep as given, or nil.
    public var sweep: YAMLNode?
    /// Files and their SHA-256: absolute paths, and image folders with a final `/`.
    public var pins: [(path: String, sha256: String)] = []
    /// Limits of the script.
    public var limits = Limits()
    /// What `run.yaml` says of the program that ran: version, sources, Lua library, processor features.
    public var provenance: JSON = .null

    /// The `--set`s that name a key of the config, which is an error where the experiment has a parameter of that name.
    private(set) var bareSettings: [Setting] = []

    static let keys = [
        "experiment", "folder", "seed", "threads", "dtype", "params", "sweep", "limits", "pins", "provenance",
    ]
    static let dtypes = ["f32", "f64", "bf16", "f16"]

    /// Reads a config and lays `--set` over it.
    /// - Parameters:
    ///   - path: the YAML file.
    ///   - sets: the `--set` options in their order, each `path.to.key=value`; the value is parsed as YAML. A path
    ///     that does not begin with a key of the config is one of `params`; `run.KEY` is the config's own in any case.
    /// - Throws: `RunsError.config` with file, line and the nearest known key; `.faults` where several things are wrong.
    public static func load(_ path: String, sets: [String] = []) throws -> RunConfig {
        try RunConfig(node: try RunsError.config { try YAML.read(path) }, path: path).overriding(
            try sets.map(Setting.init))
    }

    /// A config without a file, as for an experiment that is run by its script's path.
    public init(experiment: String, sets: [String] = []) throws {
        let place = YAMLNode.Place(name: experiment, line: 0, column: 0)
        let node = YAMLNode(JSON.object([("experiment", .string(Paths.name(experiment)))]), at: place)
        self = try RunConfig(node: node, path: experiment).overriding(try sets.map(Setting.init))
    }

    private let node: YAMLNode

    init(node: YAMLNode, path: String) throws {
        self.node = node
        self.path = path
        var faults = ConfigFaults()
        let fields = try node.fields(of: "the config", known: RunConfig.keys, &faults)
        let home = Paths.absolute(Paths.folder(path))
        var script: String?
        if let field = fields["experiment"] {
            script = try faults.take { Paths.absolute(try field.path(), from: home) }
        } else {
            faults.add(node.error("the key `experiment` is missing: the path of the experiment's script"))
        }
        experiment = script ?? ""
        let given = try faults.take { try fields["folder"].map { Paths.absolute(try $0.path(), from: home) } }
        folder = (given ?? nil) ?? home
        if let field = fields["seed"], let value = try faults.take({ try field.seed() }) { seed = value }
        if let field = fields["threads"], field.value != .null {
            threads = try faults.take { try field.integer("threads", in: 1...1024) }
        }
        if let field = fields["dtype"], let value = try faults.take({ try field.dtype() }) { dtype = value }
        if let field = fields["sweep"], field.value != .null { sweep = field }
        if let field = fields["provenance"] { provenance = field.value }
        let empty = YAMLNode(JSON.object([]), at: node.place)
        params = fields["params"].flatMap { $0.value == .null ? nil : $0 } ?? empty
        if case .object = params.content {
        } else {
            faults.add(params.error("`params` must be a map of parameters, not \(params.value.kind)"))
        }
        if let field = fields["limits"], field.value != .null { limits = try RunConfig.limits(field, &faults) }
        if let field = fields["pins"], field.value != .null,
            let value = try faults.take({ try RunConfig.pins(field, home: home) })
        {
            pins = value
        }
        try faults.check()
    }

    private static func limits(_ node: YAMLNode, _ faults: inout ConfigFaults) throws -> Limits {
        var limits = Limits()
        var inner = ConfigFaults()
        let known = try faults.take { try node.fields(of: "`limits`", known: ["memory_mb", "seconds"], &inner) }
        guard let fields = known else { return limits }
        _ = try faults.take { try inner.check() }
        if let field = fields["memory_mb"] {
            limits.memoryMegabytes = try faults.take { try field.integer("memory_mb", in: 1...1_000_000_000) }
        }
        if let field = fields["seconds"] {
            switch field.value {
            case .integer(let value) where value > 0 && Double(value) <= Limits.mostSeconds:
                limits.seconds = Double(value)
            case .number(let value) where value > 0 && value <= Limits.mostSeconds: limits.seconds = value
            default:
                faults.add(
                    field.error(
                        "`seconds` must be a number above 0 and at most 1000000000, not \(field.value.summary); leave it "
                            + "out for no limit"))
            }
        }
        return limits
    }

    private static func pins(_ node: YAMLNode, home: String) throws -> [(path: String, sha256: String)] {
        guard case .object(let entries) = node.content else {
            throw node.error("`pins` must be a map from paths to SHA-256, not \(node.value.kind)")
        }
        return try entries.map { entry in
            guard case .string(let hash) = entry.value.value, hash.utf8.count == 64,
                hash.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
            else {
                throw entry.value.error(
                    "the pin of \(entry.key) must be a SHA-256 of 64 lower-case hexadecimal digits in quotes")
            }
            let isFolder = entry.key.hasSuffix("/")
            return (Paths.absolute(entry.key, from: home) + (isFolder ? "/" : ""), hash)
        }
    }

    /// The config with values set by path, later ones over earlier ones.
    /// - Throws: `RunsError.config` that names the `--set`.
    func overriding(_ settings: [Setting]) throws -> RunConfig {
        if settings.isEmpty { return self }
        var changed = node
        for setting in settings { changed = try changed.setting(setting.place, to: setting.value) }
        var config = try RunConfig(node: changed, path: path)
        config.bareSettings = settings.filter { $0.place.first != "params" }
        return config
    }
}

/// One `--set path.to.key=value`.
struct Setting {
    let text: String
    let path: [String]
    let value: YAMLNode

    init(_ text: String) throws {
        self.text = text
        let name = "--set \(text)"
        guard let equals = text.firstIndex(of: "=") else {
            throw RunsError.config(location: name, message: "wanted path.to.key=value")
        }
        path = text[..<equals].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard !path.contains("") else {
            throw RunsError.config(location: name, message: "wanted path.to.key=value, and a part of the path is empty")
        }
        value = try RunsError.config {
            try YAML.parse(argument: String(text[text.index(after: equals)...]), name: name)
        }
    }

    /// The path in the config: `run.seed` is the run's own seed, a path that begins with no key of the config one of `params`.
    var place: [String] {
        guard let first = path.first else { return path }
        if first == "run", path.count > 1, path[1] != "params", RunConfig.keys.contains(path[1]) {
            return Array(path.dropFirst())
        }
        return RunConfig.keys.contains(first) ? path : ["params"] + path
    }

    /// That a path may mean a key of the run or a parameter of the experiment; nil where it can mean one only.
    func ambiguity(with defaults: JSON) -> RunsError? {
        guard let first = path.first, first != "params", defaults[first] != nil else { return nil }
        return .config(location: "--set \(text)", message: Setting.ambiguity(path, place))
    }

    /// What is said of a path that may mean either; `place` is what it would mean of the run.
    static func ambiguity(_ path: [String], _ place: [String]) -> String {
        let (path, place) = (path.joined(separator: "."), place.joined(separator: "."))
        return "`\(path)` is a parameter of this experiment and a key of the run: write `params.\(path)` for the "
            + "parameter, `\(path == place ? "run.\(place)" : place)` for the run's own"
    }
}
