import Foundation

// What a reduction adds up of each element. Types rather than closures, so that the loops over them are compiled for each
// and become vector code.

protocol ReductionTerm {
    associatedtype Element: Computed
    associatedtype Sum: Accumulator
    func value(_ element: Element, _ centre: Double) -> Sum
}

struct ValueTerm<Element: Computed>: ReductionTerm {
    @inline(__always) func value(_ element: Element, _ centre: Double) -> Double { element.double }
}

struct IntegerTerm: ReductionTerm {
    @inline(__always) func value(_ element: Int64, _ centre: Double) -> Int64 { element }
}

struct NonzeroTerm<Element: Computed & Equatable, Sum: Accumulator>: ReductionTerm {
    @inline(__always) func value(_ element: Element, _ centre: Double) -> Sum {
        element != Element.nought ? Sum.unit : Sum.nought
    }
}

struct MagnitudeTerm<Element: Computed>: ReductionTerm {
    @inline(__always) func value(_ element: Element, _ centre: Double) -> Double { abs(element.double) }
}

struct SquareTerm<Element: Computed>: ReductionTerm {
    @inline(__always) func value(_ element: Element, _ centre: Double) -> Double { element.double * element.double }
}

struct PowerTerm<Element: Computed>: ReductionTerm {
    let exponent: Double
    @inline(__always) func value(_ element: Element, _ centre: Double) -> Double { pow(abs(element.double), exponent) }
}

struct DeviationTerm<Element: Computed>: ReductionTerm {
    @inline(__always) func value(_ element: Element, _ centre: Double) -> Double {
        (element.double - centre) * (element.double - centre)
    }
}
