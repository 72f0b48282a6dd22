import Devices
import Encoders
import Engine
import Evaluation
import Files
import Foundation
import LuaRuntime
import Metrics
import Runs
import Tensors
import Training

/// What the modules of one Lua state share: the run that is going on, the random stream, the cache.
public final class ScriptContext {
    /// The seed of the run; draws without a generator of their own come from its stream.
    public private(set) var seed: Int
    /// PyTorch's CPU stream of `seed`.
    private(set) var generator: TorchGenerator
    /// The dtype that encoders use where a script names none.
    public var dtype: DType = .f32
    /// Where features are kept between runs; nil switches the cache off.
    public var cache: FeatureCache?
    /// The folder of the run that is going on.
    public var folder: RunFolder?
    /// The encoders that the program knows.
    public let encoders: EncoderRegistry
    /// The devices that networks may run on.
    public let devices: Registry<Device>
    /// The classifiers that the program knows.
    let classifiers: ClassifierRegistry
    /// The models of texts that the program knows.
    package let known: KnownModels
    /// What rooms above add to `chexgen.model`.
    let models: [any ModelAddition]
    /// The statistics: the program's own, and what scripts registered.
    var statistics: StatisticRegistry
    /// Models that scripts registered, by name.
    package internal(set) var registered: [String: RegisteredModel] = [:]
    /// The Lua state that the modules live in.
    public let host: LuaHost

    /// What the modules of `host` share, before a run.
    /// - Parameters:
    ///   - encoders: what `model.encoder` knows beside what scripts register.
    ///   - classifiers: what `model.classifier` knows.
    ///   - devices: what models may run on.
    ///   - known: what labelers and models of texts there are.
    ///   - models: what else `chexgen.model` has.
    ///   - statistics: what `metric.measure` knows, likewise.
    public init(
        host: LuaHost, seed: Int = 42, encoders: EncoderRegistry = .standard,
        classifiers: ClassifierRegistry = .standard, devices: Registry<Device> = Device.known,
        known: KnownModels = KnownModels(), models: [any ModelAddition] = [],
        statistics: StatisticRegistry = .standard
    ) {
        self.classifiers = classifiers
        self.statistics = statistics
        self.known = known
        self.models = models
        self.host = host
        self.seed = seed
        self.encoders = encoders
        self.devices = devices
        generator = TorchGenerator(seed: UInt64(bitPattern: Int64(seed)))
    }

    /// Starts the random stream again, for the next cell of a run.
    public func restart(seed: Int) {
        self.seed = seed
        generator = TorchGenerator(seed: UInt64(bitPattern: Int64(seed)))
    }

    /// Every module of this program, as Lua names them.
    public var modules: [LuaModuleDeclaration] {
        [
            RootModule.declaration(self), TensorModule.declaration(self), ImageModule.declaration(self),
            DatasetModule.declaration(self), ModelModule.declaration(self),
            EvaluationModule.declaration(self), MetricModule.declaration(self),
            PlotModule.declaration(self), LeaderboardModule.declaration(self), RunModule.declaration,
        ]
    }

    /// A file that a script reads: the run that is going on pins it by its hash.
    func input(_ path: String) throws -> String {
        if let folder { try folder.pin(file: path) }
        return path
    }

    /// The files that a network was loaded from: the run that is going on pins them by the hashes of what was read.
    package func input(_ files: [(file: String, sha256: String)]) throws {
        for (file, hash) in files { try folder?.pin(file: file, sha256: hash) }
    }

    /// The dtype of a network: `dtype` of a table of options, or the run's.
    package func dtype(_ options: LuaTable, _ arguments: LuaArguments) throws -> DType {
        guard !options["dtype"].isNil else { return dtype }
        guard let named = options["dtype"].stringValue.flatMap(DType.init(rawValue:)), named == .f32 || named == .bf16
        else { throw arguments.fail("options.dtype", "wanted \"f32\" or \"bf16\"") }
        return named
    }

    /// The same of options that were checked: `dtype`, or the run's.
    func dtype(_ options: LuaArguments) throws -> DType {
        options.has("dtype") ? DType(rawValue: try options.string("dtype")) ?? dtype : dtype
    }

    /// Makes a folder, and those above it, below one that is there already and that scripts may write in.
    package func makeFolder(_ path: String) throws {
        let folder = Paths.absolute(path)
        // The door is asked about a file of the folder that is there: that one may itself be where scripts may write.
        guard host.mayWrite(Paths.joined(Folders.existing(folder).place, "file")) else {
            throw LuaError(
                "\(path): scripts may not write there (only in the run folder and below the folders of --allow-write)")
        }
        try Folders.make(folder)
    }

    /// A table that runs share: below the working folder or a folder for such tables that the user named, where its folder is made
    /// if need be, or where scripts may write.
    func shared(_ path: String) throws -> String {
        let file = Paths.absolute(path)
        guard Paths.ending(file) == "csv" else { throw LuaError("\(path): a shared table is a .csv file") }
        let folder = Paths.folder(file)
        let home = Paths.resolved(FileManager.default.currentDirectoryPath)
        // What is there of the folder is taken as the system sees it, before anything is made in it: a link may lead elsewhere.
        if Paths.isBelow(Paths.resolved(Folders.existing(folder).place), home) {
            let isLink = (try? FileManager.default.destinationOfSymbolicLink(atPath: file)) != nil
            guard !isLink else {
                throw RunsError.folder(path: path, message: "a symbolic link (scripts may not write through one)")
            }
            try Folders.make(folder)
            ReadDoor.letIn(file)
            try host.willWrite(file)
            return file
        }
        // It was there when the run began; another run that made it and published nothing took it away when it ended.
        for results in self.folder?.plan.sharedResults ?? [] where Paths.isBelow(folder, Paths.absolute(results)) {
            try Folders.make(results)
            try makeFolder(folder)
        }
        return try output(path)
    }

    /// Tells people something: in the log of the run that is going on, or else on the terminal.
    package func note(_ text: String) {
        if let folder { folder.log(text) } else { Console.shared.line(text) }
    }

    /// A file that a script writes, after checking that it may.
    package func output(_ path: String) throws -> String {
        try host.checkWritable(path)
        return path
    }
}
