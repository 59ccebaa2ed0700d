/* SPDX-License-Identifier: MIT */
/* Works that the methods text leans on, where the run used them. */
#include <string.h>

#include "html.h"
#include "parts.h"

typedef struct {
    const char *when;  /* text in a command or path of the run, a kind of interval or null; "": always */
    const char *text;  /* as printed */
    const char *bibtex;
} reference;

static const reference list[] = {
    { "alice2016", "Brennan et al. (2016), Brain and Language 157–158, 81–94 (responses; CC BY 4.0)",
      "@article{brennan2016,\n  author = {Brennan, J. R. and Stabler, E. P. and Van Wagenen, S. E. and Luh, W.-M. and Hale, J. T.},\n"
      "  title = {Abstract linguistic structure correlates with temporal activity during naturalistic comprehension},\n"
      "  journal = {Brain and Language}, volume = {157--158}, pages = {81--94}, year = {2016}\n}\n" },
    { "tuckute2024", "Tuckute et al. (2024), Nature Human Behaviour 8, 544–561 (responses)",
      "@article{tuckute2024,\n  author = {Tuckute, G. and Sathe, A. and Srikant, S. and Taliaferro, M. and Wang, M. and Schrimpf, M. and Kay, K. "
      "and Fedorenko, E.},\n  title = {Driving and suppressing the human language network using large language models},\n"
      "  journal = {Nature Human Behaviour}, volume = {8}, pages = {544--561}, year = {2024}\n}\n" },
    { "tinystories", "Eldan and Li (2023), arXiv 2305.07759 (the corpus that the model was trained on)",
      "@misc{eldan2023,\n  author = {Eldan, R. and Li, Y.},\n  title = {{TinyStories}: How small can language models be and still speak coherent "
      "{English}?},\n  eprint = {2305.07759}, archiveprefix = {arXiv}, year = {2023}\n}\n" },
    { "--baseline", "Nunez-Elizalde, Huth and Gallant (2019), NeuroImage 197, 482–492; Dupré la Tour, Eickenberg, Nunez-Elizalde and Gallant "
                    "(2022), NeuroImage 264, 119728 (banded ridge regression)",
      "@article{nunezelizalde2019,\n  author = {Nunez-Elizalde, A. O. and Huth, A. G. and Gallant, J. L.},\n"
      "  title = {Voxelwise encoding models with non-spherical multivariate normal priors},\n"
      "  journal = {NeuroImage}, volume = {197}, pages = {482--492}, year = {2019}\n}\n"
      "@article{dupre2022,\n  author = {Dupr{\\'e} la Tour, T. and Eickenberg, M. and Nunez-Elizalde, A. O. and Gallant, J. L.},\n"
      "  title = {Feature-space selection with banded ridge regression},\n"
      "  journal = {NeuroImage}, volume = {264}, pages = {119728}, year = {2022}\n}\n" },
    { "", "Feghhi, Hadidi, Song, Blank and Kao (2024), arXiv 2406.01538 (why folds must not split what belongs together, and why a baseline "
          "stands beside every score)",
      "@misc{feghhi2024,\n  author = {Feghhi, E. and Hadidi, N. and Song, B. and Blank, I. A. and Kao, J. C.},\n"
      "  title = {What are large language models mapping to in the brain? {A} case against over-reliance on brain scores},\n"
      "  eprint = {2406.01538}, archiveprefix = {arXiv}, year = {2024}\n}\n" },
    { "broca-ceiling", "Nastase, Gazzola, Hasson and Keysers (2019), Social Cognitive and Affective Neuroscience 14, 667–685 (agreement between "
                       "subjects)",
      "@article{nastase2019,\n  author = {Nastase, S. A. and Gazzola, V. and Hasson, U. and Keysers, C.},\n"
      "  title = {Measuring shared responses across subjects using intersubject correlation},\n"
      "  journal = {Social Cognitive and Affective Neuroscience}, volume = {14}, pages = {667--685}, year = {2019}\n}\n" },
    { "snr", "Allen et al. (2022), Nature Neuroscience 25, 116–126 (ceiling from signal and noise variance)",
      "@article{allen2022,\n  author = {Allen, E. J. and others},\n  title = {A massive {7T} {fMRI} dataset to bridge cognitive neuroscience and "
      "artificial intelligence},\n  journal = {Nature Neuroscience}, volume = {25}, pages = {116--126}, year = {2022}\n}\n" },
    { "--jackknife", "Efron and Stein (1981), Annals of Statistics 9, 586–596; Owen (2007), Annals of Applied Statistics 1, 386–411 (jackknife; "
                     "subjects crossed with blocks of the stimulus)",
      "@article{efron1981,\n  author = {Efron, B. and Stein, C.},\n  title = {The jackknife estimate of variance},\n"
      "  journal = {Annals of Statistics}, volume = {9}, pages = {586--596}, year = {1981}\n}\n"
      "@article{owen2007,\n  author = {Owen, A. B.},\n  title = {The pigeonhole bootstrap},\n"
      "  journal = {Annals of Applied Statistics}, volume = {1}, pages = {386--411}, year = {2007}\n}\n" },
    { "--null", "Freedman and Lane (1983), Journal of Business and Economic Statistics 1, 292–298; Phipson and Smyth (2010), Statistical "
                "Applications in Genetics and Molecular Biology 9, 39 (permutation of residuals; p is never 0)",
      "@article{freedman1983,\n  author = {Freedman, D. and Lane, D.},\n  title = {A nonstochastic interpretation of reported significance "
      "levels},\n  journal = {Journal of Business and Economic Statistics}, volume = {1}, pages = {292--298}, year = {1983}\n}\n"
      "@article{phipson2010,\n  author = {Phipson, B. and Smyth, G. K.},\n  title = {Permutation p-values should never be zero},\n"
      "  journal = {Statistical Applications in Genetics and Molecular Biology}, volume = {9}, pages = {39}, year = {2010}\n}\n" },
};

static bool used(const reference *r, const provenance *p)
{
    return !*r->when || provenance_mentions(p, r->when);
}

void part_references(buffer *b, const report_view *v, const provenance *p)
{
    (void)v;
    buffer_text(b, "<h2>References</h2>\n<ul>\n");
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (!used(&list[i], p)) continue;
        buffer_text(b, "<li>");
        html_text(b, list[i].text);
        buffer_text(b, "</li>\n");
    }
    buffer_text(b, "</ul>\n");
    html_fold_begin(b, "BibTeX");
    buffer_text(b, "<pre>");
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (used(&list[i], p)) html_text(b, list[i].bibtex);
    html_text(b, "@software{broca,\n  title = {broca: brain-model alignment in C}, version = {" BROCA_VERSION "},\n  note = {commit ");
    html_text(b, build_commit());
    html_text(b, "}\n}\n");
    buffer_text(b, "</pre>\n");
    html_fold_end(b);
}
