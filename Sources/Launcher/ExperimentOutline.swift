import ChexGenLua
import Files
import Foundation
import LuaRuntime
import Runs

/// What an experiment says of itself: nothing of it is run but its script, which declares it.
public struct ExperimentOutline {
    /// A parameter that a YAML may set; those in groups have dotted names.
    public struct Parameter {
        /// Its name.
        public let name: String
        /// The type that a value must have, in words.
        public let type: String
        /// The value where none is given; null where there is none.
        public let standard: JSON
        /// What it means; empty where the experiment does not say it.
        public let text: String
    }

    /// The script, absolute.
    public let script: String
    /// What it measures, in a sentence.
    public let about: String
    /// Its parameters, sorted by name.
    public let parameters: [Parameter]
    /// What a YAML file gives as its `params`; nil where a script was read.
    public let given: JSON?

    /// Reads an experiment: a script, or a YAML file that names one.
    /// - Throws: `RunsError.config` where there is no such file; what the script raises.
    public init(_ path: String) throws {
        let isYAML = ["yaml", "yml"].contains(Paths.ending(path))
        var config = isYAML ? try RunConfig.load(path) : nil
        try config?.findScript(of: path)
        try self.init(script: config?.experiment ?? Paths.absolute(path), folder: config?.folder, path: path)
        if let config { self = ExperimentOutline(self, given: config.params.value) }
    }

    private init(_ other: ExperimentOutline, given: JSON) {
        (script, about, parameters, self.given) = (other.script, other.about, other.parameters, given)
    }

    /// The value that a YAML file gives a parameter, by its dotted name; nil where it gives none.
    public func given(_ name: String) -> JSON? {
        name.split(separator: ".").reduce(given) { value, part in value?[String(part)] }
    }

    /// Reads a script; `folder` is another one in which its modules may lie.
    init(script: String, folder: String?, path: String) throws {
        self.script = script
        given = nil
        var options = LuaOptions()
        // A script that is an experiment declares it at once.
        options.timeLimit = 30
        let home = Paths.folder(script)
        options.searchFolders = ScriptLocations.searchFolders(script: script) + [folder].compactMap { $0 }
        options.missingModuleHint = { ScriptLocations.hint(missing: $0, near: home) }
        let session = try Session(options)
        defer { session.host.close() }
        let returned = try session.host.runFile(script)
        guard let experiment = try Experiment(returned, path: script) else {
            throw Experiment.missingRun(returned, path: path)
        }
        about = experiment.about
        parameters = Self.leaves(experiment.defaults).sorted { $0.name < $1.name }.map { name, value in
            Parameter(name: name, type: Self.type(of: value), standard: value, text: experiment.help[name] ?? "")
        }
    }

    /// What a YAML file is for: the first sentence of the comment that it begins with; empty where there is none.
    public static func purpose(of path: String) -> String {
        guard let text = try? FileReader.text(path, limit: YAML.Limits.bytes), text.hasPrefix("#") else { return "" }
        let line = text.prefix { $0 != "\n" }.drop { $0 == "#" || $0 == " " }
        guard let end = line.range(of: ". ") else { return String(line) }
        return String(line[..<end.lowerBound]) + "."
    }

    private static func type(of value: JSON) -> String {
        switch value {
        case .null: return "any"
        case .boolean: return "boolean"
        case .integer: return "integer"
        case .number: return "number"
        case .string: return "text"
        case .array: return "list"
        // An empty table takes a list or a map.
        case .object: return "table"
        }
    }

    /// The values of a map by dotted names; an empty map is a value.
    public static func leaves(_ value: JSON, _ name: String = "") -> [(name: String, value: JSON)] {
        guard let members = value.object, !members.isEmpty else { return name.isEmpty ? [] : [(name, value)] }
        return members.flatMap { leaves($0.value, name.isEmpty ? $0.key : "\(name).\($0.key)") }
    }
}

extension RunConfig {
    /// Finds the script: beside the YAML file, as it says, or where the program has its experiments, so that a copy of one of
    /// their YAML files is enough.
    /// - Throws: `RunsError.config` where there is none.
    mutating func findScript(of file: String) throws {
        if FileManager.default.fileExists(atPath: experiment) { return }
        let isBeside = Paths.folder(experiment) == Paths.absolute(Paths.folder(file))
        guard isBeside, let script = ScriptLocations.shipped(Paths.name(experiment)) else {
            throw RunsError.config(
                location: experiment, message: "no such script, which \(file) names as its `experiment`")
        }
        experiment = script
    }
}
