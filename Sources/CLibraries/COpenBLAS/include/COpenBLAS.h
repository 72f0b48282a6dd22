#ifndef CHEXGEN_COPENBLAS_H
#define CHEXGEN_COPENBLAS_H
#include <cblas.h>

// LAPACK's Fortran routines; every argument is a pointer, matrices are column-major.
#define CX_LAPACK(name, ...) void name##_(__VA_ARGS__)
CX_LAPACK(dsyevd, const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work,
          const int *lwork, int *iwork, const int *liwork, int *info);
CX_LAPACK(dsyevr, const char *jobz, const char *range, const char *uplo, const int *n, double *a, const int *lda,
          const double *vl, const double *vu, const int *il, const int *iu, const double *abstol, int *m, double *w,
          double *z, const int *ldz, int *isuppz, double *work, const int *lwork, int *iwork, const int *liwork,
          int *info);
CX_LAPACK(dgesdd, const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
          const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info);
CX_LAPACK(dgeqrf, const int *m, const int *n, double *a, const int *lda, double *tau, double *work, const int *lwork,
          int *info);
CX_LAPACK(dorgqr, const int *m, const int *n, const int *k, double *a, const int *lda, const double *tau, double *work,
          const int *lwork, int *info);
CX_LAPACK(dpotrf, const char *uplo, const int *n, double *a, const int *lda, int *info);
CX_LAPACK(dpstrf, const char *uplo, const int *n, double *a, const int *lda, int *piv, int *rank, const double *tol,
          double *work, int *info);
CX_LAPACK(dgetrf, const int *m, const int *n, double *a, const int *lda, int *ipiv, int *info);
CX_LAPACK(dgetri, const int *n, double *a, const int *lda, const int *ipiv, double *work, const int *lwork, int *info);
CX_LAPACK(dgesv, const int *n, const int *nrhs, double *a, const int *lda, int *ipiv, double *b, const int *ldb,
          int *info);
CX_LAPACK(dgetrs, const char *trans, const int *n, const int *nrhs, const double *a, const int *lda, const int *ipiv,
          double *b, const int *ldb, int *info);
CX_LAPACK(dgecon, const char *norm, const int *n, const double *a, const int *lda, const double *anorm, double *rcond,
          double *work, int *iwork, int *info);
CX_LAPACK(ssyevd, const char *jobz, const char *uplo, const int *n, float *a, const int *lda, float *w, float *work,
          const int *lwork, int *iwork, const int *liwork, int *info);
CX_LAPACK(sgesdd, const char *jobz, const int *m, const int *n, float *a, const int *lda, float *s, float *u,
          const int *ldu, float *vt, const int *ldvt, float *work, const int *lwork, int *iwork, int *info);
CX_LAPACK(dgelqf, const int *m, const int *n, double *a, const int *lda, double *tau, double *work, const int *lwork,
          int *info);
CX_LAPACK(dgeqrt3, const int *m, const int *n, double *a, const int *lda, double *t, const int *ldt, int *info);
CX_LAPACK(dlasq1, const int *n, double *d, double *e, double *work, int *info);
#undef CX_LAPACK
#endif
