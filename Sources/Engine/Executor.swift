import Identity
import Tensors

/// A device, with all that it keeps between passes: the forms that it made of weights, its operations, and its memory.
///
/// One belongs to the model that uses it. It may be used from one thread at a time.
public protocol Executor: AnyObject {
    /// What a network runs on here.
    associatedtype Run: Execution

    /// The dtype of activations.
    var dtype: DType { get }
    /// The kind of the device, as it stands in the identity of a number.
    var deviceKind: DeviceKind { get }

    /// Runs a network over `count` images or texts, cut as suits the device, and gathers the results on top of each other.
    ///
    /// Between units it stops at the first error and where a stop was requested.
    /// - Parameters:
    ///   - schedule: how a processor divides the work among its threads; another device takes what it likes.
    ///   - body: gives for a range of the batch values of as many rows each. It may run on several threads at once.
    /// - Returns: a tensor `[count, …]` for each of the values; none for a count of 0.
    func map(
        _ count: Int, _ schedule: Schedule, _ body: @escaping (Run, Range<Int>) throws -> [Run.Value]
    ) throws -> [Tensor]

    /// Runs `body` once, with the whole device in each operation.
    func run<Result>(_ body: (Run) throws -> Result) throws -> Result

    /// Whether what is made of the weights of a network's block is let go behind it, and made again in the next pass.
    var isStreaming: Bool { get set }

    /// Gives back the memory of activations, which the next pass takes again.
    func releaseActivations()
    /// Gives back all that the next pass can make again from weights that stay mapped.
    func releaseMemory()
    /// Forgets all that was made of weights: they were loaded anew.
    func forget()
}

/// How a processor divides a batch among its threads.
public enum Schedule: Hashable, Sendable {
    /// Pieces of at most so many rows, each on one thread from the first layer to the last: threads never wait for each other,
    /// activations stay in a core's cache, and a row has the same bits alone and in any batch.
    case pieces(atMost: Int)
    /// One row after the other, with all threads in each operation.
    case spread
    /// Rows on a thread each where there are as many as threads, else spread.
    case fitted
}

extension Executor {
    /// Weights are held, whatever is asked for.
    public var isStreaming: Bool {
        get { false }
        set {}
    }

    /// Runs a network that gives one value a pass.
    public func map(
        _ count: Int, _ schedule: Schedule, _ body: @escaping (Run, Range<Int>) throws -> Run.Value
    ) throws -> Tensor? {
        try map(count, schedule) { run, rows in [try body(run, rows)] }.first
    }
}
