import Identity

/// Where the results of passes are kept, each once: between runs where a hash covers all that they depend on, else in the
/// run that is going on, so that it can be resumed.
public struct FeatureStore {
    /// Shared by all runs.
    private let lasting: FeatureCache?
    /// Makes the cache of the run that is going on, when something is first kept in it.
    private let ofRun: RunCache?

    /// A cache that is opened when it is first needed.
    private final class RunCache {
        private let folder: String
        private let warn: (String) -> Void
        private(set) lazy var cache = FeatureCache(folder: folder, warn: warn)

        init(folder: String, warn: @escaping (String) -> Void) {
            self.folder = folder
            self.warn = warn
        }
    }

    /// A store.
    /// - Parameters:
    ///   - lasting: the cache that all runs share; nil where there is none.
    ///   - runFolder: the folder of the run that is going on.
    ///   - warn: is given a sentence when the run's cache cannot be used.
    public init(lasting: FeatureCache?, runFolder: String? = nil, warn: @escaping (String) -> Void = { _ in }) {
        self.lasting = lasting
        ofRun = runFolder.map { RunCache(folder: $0, warn: warn) }
    }

    /// The cache for results of an identity, if there is one.
    func cache(_ identity: FeatureIdentity) -> FeatureCache? {
        if !identity.source.isScript, let lasting, lasting.isUsable { return lasting }
        return ofRun?.cache
    }
}
